/* show.c - what a model is, for people and as JSON. */
#include "catalog.h"
#include "config.h"
#include "context.h"

#include <inttypes.h>
#include <string.h>

struct show {
    const infer_model *m;
    const struct model_config *c;
    const struct catalog *catalog;
    FILE *out;
};

static uint64_t parameters(const struct show *s, enum catalog_module module) {
    return catalog_parameters(s->catalog, module);
}

static uint64_t all_parameters(const struct show *s) {
    uint64_t sum = 0;
    for (int i = 0; i < CATALOG_MODULES; i++) sum += parameters(s, (enum catalog_module)i);
    return sum;
}

/* ------------------------------------------------------------------------ text */

static void text_end(const struct show *s, enum catalog_module module) {
    fprintf(s->out, "; %" PRIu64 " parameters\n", parameters(s, module));
}

static void text_vit(const struct show *s, const char *name, const struct vit_config *v,
                     enum catalog_module module) {
    if (!v->present) return;
    fprintf(s->out, "%-13s %d layers, width %d, %d heads, MLP %d, patches of %d, positions for %d",
            name, v->layers, v->dim, v->heads, v->mlp, v->patch_size, v->image_size);
    if (v->projection) fprintf(s->out, ", projection %d", v->projection);
    text_end(s, module);
}

static void text_transformer(const struct show *s, const char *name,
                             const struct transformer_config *t, enum catalog_module module) {
    if (!t->present) {
        fprintf(s->out, "%-13s none\n", name);
        return;
    }
    fprintf(s->out, "%-13s %d encoder", name, t->encoder_layers);
    if (t->decoder_layers) fprintf(s->out, " and %d decoder", t->decoder_layers);
    fprintf(s->out, " layers, width %d, %d heads, MLP %d, up to %d frames", t->dim, t->heads, t->ff,
            t->max_frames);
    text_end(s, module);
}

static void text_heads(const struct show *s) {
    const struct mlp_config *mlp = &s->c->mlp;
    const struct location_config *l = &s->c->location;
    text_transformer(s, "TempGeo", &s->c->tempgeo, CATALOG_M_TEMPGEO);
    if (!mlp->present) {
        fprintf(s->out, "%-13s none\n%-13s none\n%-13s none\n", "frame MLP", "location",
                "GeoRefiner");
        return;
    }
    fprintf(s->out, "%-13s %d", "frame MLP", mlp->sizes[0]);
    for (int i = 1; i <= mlp->layers; i++) fprintf(s->out, " to %d", mlp->sizes[i]);
    fprintf(s->out, ", %s", config_activation(s->c));
    text_end(s, CATALOG_M_MLP);
    fprintf(s->out, "%-13s %d branches of %d frequencies, %d hidden layers of %d, to %d",
            "location", l->branches, l->frequencies, l->hidden_layers, l->hidden, l->out);
    text_end(s, CATALOG_M_LOCATION);
    text_transformer(s, "GeoRefiner", &s->c->refiner, CATALOG_M_REFINER);
}

static void print_text(const struct show *s) {
    const struct model_config *c = s->c;
    fprintf(s->out, "architecture  %s\n", c->architecture);
    fprintf(s->out, "pictures      %s to %d x %d\n", config_recipe_name(c->recipe), c->picture_size,
            c->picture_size);
    text_vit(s, "CLIP", &c->clip, CATALOG_M_CLIP);
    text_vit(s, "DINOv2", &c->dinov2, CATALOG_M_DINOV2);
    text_heads(s);
    fprintf(s->out, "parameters    %" PRIu64 "\n", all_parameters(s));
    fprintf(s->out, "backbone id   %s\n", c->backbone_id);
    fprintf(s->out, "location id   %s\n", c->location_id);
    fprintf(s->out, "model id      %s\n", c->model_id);
    fprintf(s->out, "kernels       %s\n", infer_kernels(s->m->ctx));
}

/* ------------------------------------------------------------------------ JSON
 * Every string here is one of ours: nothing needs escaping. */

static void json_sizes(const struct show *s) {
    const infer_model_info *i = &s->m->info;
    fprintf(s->out, "\"picture_size\":%d,\"feature_dim\":%d,\"embedding_dim\":%d,", i->picture_size,
            i->feature_dim, i->embedding_dim);
    fprintf(s->out, "\"max_frames\":%d,\"refiner_max_frames\":%d,", i->max_frames,
            i->refiner_max_frames);
}

static void print_json(const struct show *s) {
    const struct model_config *c = s->c;
    fprintf(s->out, "{\"architecture\":\"%s\",\"recipe\":\"%s\",", c->architecture,
            config_recipe_name(c->recipe));
    json_sizes(s);
    fputs("\"parameters\":{", s->out);
    for (int i = 0; i < CATALOG_MODULES; i++)
        fprintf(s->out, "\"%s\":%" PRIu64 ",", catalog_module_names[i],
                parameters(s, (enum catalog_module)i));
    fprintf(s->out, "\"all\":%" PRIu64 "},", all_parameters(s));
    fprintf(s->out, "\"ids\":{\"backbone\":\"%s\",\"location\":\"%s\",\"model\":\"%s\"},",
            c->backbone_id, c->location_id, c->model_id);
    fprintf(s->out, "\"kernels\":\"%s\"}\n", infer_kernels(s->m->ctx));
}

int infer_model_print(infer_model *model, FILE *out, bool json) {
    struct catalog catalog;
    INFER_TRY(catalog_build(model->ctx, &model->config, &catalog));
    const struct show s = {model, &model->config, &catalog, out};
    if (json)
        print_json(&s);
    else
        print_text(&s);
    catalog_free(&catalog);
    if (fflush(out) || ferror(out)) return infer_fail_errno(model->ctx, "cannot write");
    return INFER_OK;
}
