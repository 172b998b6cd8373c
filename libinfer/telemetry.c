#include "telemetry.h"
#include "container.h"
#include "gpmf.h"

#include <stdlib.h>

/* Half a day of 18 Hz is 800,000. */
#define MAX_FIXES ((size_t)1 << 24)

struct list {
    infer_fix *fixes;
    size_t n, room;
};

struct reader {
    infer *ctx;
    struct list kinds[2];     /* by enum gpmf_kind */
    double start_s, length_s; /* of the payload */
};

static int add_fix(void *user, const struct gpmf_fix *fix) {
    struct reader *r = user;
    struct list *l = &r->kinds[fix->kind];
    if (l->n == MAX_FIXES)
        return infer_fail(r->ctx, INFER_EFORMAT, "telemetry: more than %zu positions", MAX_FIXES);
    if (l->n == l->room) {
        size_t room = l->room ? 2 * l->room : 256;
        infer_fix *fixes = realloc(l->fixes, room * sizeof *fixes);
        if (!fixes) return infer_fail_memory(r->ctx, room * sizeof *fixes);
        l->fixes = fixes;
        l->room = room;
    }
    l->fixes[l->n++] = (infer_fix){
        .t_s = r->start_s + r->length_s * fix->place / fix->count,
        .lon_deg = fix->lon_deg,
        .lat_deg = fix->lat_deg,
        .good = fix->good,
    };
    return INFER_OK;
}

/* Where a payload begins on the clock of the video's frames. */
static double payload_start(const struct container *c, const AVPacket *packet) {
    const AVStream *stream = c->format->streams[packet->stream_index];
    int64_t start = c->stream->start_time == AV_NOPTS_VALUE ? 0 : c->stream->start_time;
    return (double)packet->pts * av_q2d(stream->time_base) -
           (double)start * av_q2d(c->stream->time_base);
}

static int read_payloads(struct reader *r, struct container *c, int stream, long *damaged) {
    AVPacket *packet = av_packet_alloc();
    if (!packet) return infer_fail_memory(r->ctx, sizeof *packet);
    int status = INFER_OK;
    for (unsigned i = 0; i < c->format->nb_streams; i++)
        c->format->streams[i]->discard = (int)i == stream ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
    while (status == INFER_OK && av_read_frame(c->format, packet) >= 0) {
        if (packet->stream_index == stream && packet->pts != AV_NOPTS_VALUE && packet->size > 0) {
            double unit = av_q2d(c->format->streams[stream]->time_base);
            r->start_s = payload_start(c, packet);
            r->length_s = packet->duration > 0 ? (double)packet->duration * unit : 1;
            status = gpmf_read(r->ctx, packet->data, (size_t)packet->size, add_fix, r);
            if (status == INFER_EFORMAT) {
                ++*damaged;
                status = INFER_OK;
            }
        }
        av_packet_unref(packet);
    }
    av_packet_free(&packet);
    return status;
}

int infer_telemetry_read(infer *ctx, const char *path, infer_telemetry *t) {
    struct reader r = {.ctx = ctx};
    struct container *c;
    *t = (infer_telemetry){0};
    INFER_TRY(container_open(ctx, path, false, &c));
    int stream = container_telemetry(c), status = INFER_OK;
    if (stream >= 0) status = read_payloads(&r, c, stream, &t->damaged);
    container_close(c);
    struct list *chosen = &r.kinds[r.kinds[GPMF_GPS9].n ? GPMF_GPS9 : GPMF_GPS5];
    free(r.kinds[chosen == &r.kinds[GPMF_GPS5] ? GPMF_GPS9 : GPMF_GPS5].fixes);
    *t = (infer_telemetry){.fixes = chosen->fixes, .n = chosen->n, .damaged = t->damaged};
    if (status != INFER_OK) infer_telemetry_free(t);
    return status;
}

void infer_telemetry_free(infer_telemetry *t) {
    free(t->fixes);
    *t = (infer_telemetry){0};
}
