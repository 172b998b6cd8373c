#include "foreign_names.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* What each kind of source may have in front of its names: DataParallel's and Lightning's wrappers,
 * a training checkpoint's `model`, and the module's own name when the file holds a whole model. */
static const char *const prefixes[FOREIGN_KINDS][9] = {
    [FOREIGN_CLIP] = {"module.", "model.", "state_dict.", "frame_encoder.", "image_encoder.",
                      "clip.", "CLIP."},
    [FOREIGN_DINOV2] = {"module.", "model.", "state_dict.", "frame_encoder.", "dinov2.", "dino.",
                        "backbone."},
    [FOREIGN_HEADS] = {"module.", "model.", "state_dict."},
    [FOREIGN_IMAGE_MLP] = {"module.", "model.", "state_dict.", "image_encoder.", "mlp."},
    [FOREIGN_LOCATION] = {"module.", "model.", "state_dict.", "location_encoder."},
    [FOREIGN_LOGIT_SCALE] = {"module.", "model.", "state_dict."},
};

/* Beside the point in a file of any kind, and in each kind. */
static const char *const beside_all[] = {"optimizer.", "scheduler.",    "scaler.",
                                         "extra.",     "lr_scheduler.", NULL};
static const char *const beside[FOREIGN_KINDS][12] = {
    [FOREIGN_CLIP] = {"text_model.", "text_projection.", "logit_scale", "dino.", "dinov2.", "mlp.",
                      "tempgeo.", "georefiner.", "location_encoder."},
    [FOREIGN_DINOV2] = {"clip.", "logit_scale", "tempgeo.", "georefiner.", "location_encoder."},
    [FOREIGN_HEADS] = {"frame_encoder.", "clip.", "dino.", "dinov2."},
    [FOREIGN_IMAGE_MLP] = {"CLIP.", "logit_scale", "location_encoder."},
    [FOREIGN_LOCATION] = {"image_encoder.", "frame_encoder.", "logit_scale", "tempgeo.",
                          "georefiner.", "clip.", "dino."},
    [FOREIGN_LOGIT_SCALE] = {"image_encoder.", "frame_encoder.", "location_encoder.", "tempgeo.",
                             "georefiner.", "clip.", "dino."},
};

/* FAIR's DINOv2 names and Hugging Face's, outside and inside a block. */
struct pair {
    const char *fair, *canonical;
};
static const struct pair fair_names[] = {
    {"cls_token", "embeddings.cls_token"},
    {"pos_embed", "embeddings.position_embeddings"},
    {"mask_token", "embeddings.mask_token"},
    {"patch_embed.proj.weight", "embeddings.patch_embeddings.projection.weight"},
    {"patch_embed.proj.bias", "embeddings.patch_embeddings.projection.bias"},
    {"norm.weight", "layernorm.weight"},
    {"norm.bias", "layernorm.bias"},
    {NULL, NULL}};
static const struct pair fair_block_names[] = {
    {"norm1.weight", "norm1.weight"},
    {"norm1.bias", "norm1.bias"},
    {"norm2.weight", "norm2.weight"},
    {"norm2.bias", "norm2.bias"},
    {"attn.proj.weight", "attention.output.dense.weight"},
    {"attn.proj.bias", "attention.output.dense.bias"},
    {"ls1.gamma", "layer_scale1.lambda1"},
    {"ls2.gamma", "layer_scale2.lambda1"},
    {"mlp.fc1.weight", "mlp.fc1.weight"},
    {"mlp.fc1.bias", "mlp.fc1.bias"},
    {"mlp.fc2.weight", "mlp.fc2.weight"},
    {"mlp.fc2.bias", "mlp.fc2.bias"},
    {NULL, NULL}};

static bool starts(const char *name, const char *with) {
    return !strncmp(name, with, strlen(with));
}

static const char *after(const char *name, const char *with) {
    return starts(name, with) ? name + strlen(with) : NULL;
}

static bool starts_with_any(const char *name, const char *const *list) {
    for (; *list; list++)
        if (starts(name, *list)) return true;
    return false;
}

static bool ends(const char *name, const char *with) {
    size_t n = strlen(name), m = strlen(with);
    return n >= m && !strcmp(name + n - m, with);
}

static const char *strip(enum foreign_kind kind, const char *name) {
    for (const char *const *p = prefixes[kind]; *p;) {
        const char *rest = after(name, *p);
        name = rest ? rest : name;
        p = rest ? prefixes[kind] : p + 1;
    }
    return name;
}

/* One canonical name; a name too long to be ours is unknown. */
static void take(struct foreign_names *out, const char *front, const char *rest) {
    int n = snprintf(out->names[0], CATALOG_NAME, "%s%s", front, rest);
    if (n < 0 || n >= CATALOG_NAME) return;
    out->parts = 1;
    out->verdict = FOREIGN_TAKEN;
}

static const char *look_up(const struct pair *pairs, const char *name) {
    for (; pairs->fair; pairs++)
        if (!strcmp(pairs->fair, name)) return pairs->canonical;
    return NULL;
}

/* "12.rest": the number, and *name moved to rest; -1 if there is none below 1000. */
static int take_number(const char **name) {
    int value = 0;
    const char *p = *name;
    for (; isdigit((unsigned char)*p) && p - *name < 3; p++) value = 10 * value + (*p - '0');
    if (p == *name || *p != '.') return -1;
    *name = p + 1;
    return value;
}

/* FAIR trains in one matrix what Hugging Face keeps in three: rows of query, key, value. */
static void take_fused(struct foreign_names *out, int block, const char *what) {
    static const char *const parts[] = {"query", "key", "value"};
    for (int i = 0; i < 3; i++)
        snprintf(out->names[i], CATALOG_NAME, "encoder.layer.%d.attention.attention.%s.%s", block,
                 parts[i], what);
    out->parts = 3;
    out->verdict = FOREIGN_TAKEN;
}

static void take_fair_block(struct foreign_names *out, const char *name) {
    int block = take_number(&name), inner;
    if (block < 0) return;
    if ((inner = take_number(&name)) >= 0) block = inner; /* chunk.block; blocks count through */
    if (!strcmp(name, "attn.qkv.weight") || !strcmp(name, "attn.qkv.bias")) {
        take_fused(out, block, name + 9);
        return;
    }
    const char *canonical = look_up(fair_block_names, name);
    char front[32];
    snprintf(front, sizeof front, "encoder.layer.%d.", block);
    if (canonical) take(out, front, canonical);
}

static void refuse(struct foreign_names *out, const char *reason) {
    out->verdict = FOREIGN_REFUSED;
    out->reason = reason;
}

static void name_dinov2(struct foreign_names *out, const char *name) {
    const char *rest;
    if (strstr(name, "register_tokens")) {
        refuse(out, "DINOv2 with register tokens is not supported; use the one without");
        return;
    }
    if (strstr(name, ".mlp.w12.") || strstr(name, ".mlp.weights_in.")) {
        refuse(out, "DINOv2 with a SwiGLU layer (giant) is not supported");
        return;
    }
    if ((rest = after(name, "blocks."))) {
        take_fair_block(out, rest);
    } else if (look_up(fair_names, name)) {
        take(out, "", look_up(fair_names, name));
    } else if (starts(name, "embeddings.") || starts(name, "encoder.") ||
               starts(name, "layernorm.")) {
        take(out, "", name);
    }
}

static void name_heads(struct foreign_names *out, const char *name) {
    if (starts(name, "tempgeo.") || starts(name, "georefiner.") ||
        starts(name, "location_encoder.") || !strcmp(name, "logit_scale"))
        take(out, "", name);
}

void foreign_names_of(enum foreign_kind kind, const char *name, struct foreign_names *out) {
    *out = (struct foreign_names){.verdict = FOREIGN_UNKNOWN};
    if (starts_with_any(name, beside_all)) {
        out->verdict = FOREIGN_BESIDE;
        return;
    }
    name = strip(kind, name);
    if (starts_with_any(name, beside[kind]) || ends(name, ".position_ids")) {
        out->verdict = FOREIGN_BESIDE;
        return;
    }
    switch (kind) {
    case FOREIGN_CLIP:
        if (starts(name, "vision_model.") || !strcmp(name, "visual_projection.weight"))
            take(out, "", name);
        break;
    case FOREIGN_DINOV2: name_dinov2(out, name); break;
    case FOREIGN_HEADS: name_heads(out, name); break;
    case FOREIGN_IMAGE_MLP:
        if (isdigit((unsigned char)*name)) take(out, "image_mlp.", name);
        break;
    case FOREIGN_LOCATION:
        if (starts(name, "LocEnc")) take(out, "location_encoder.", name);
        break;
    case FOREIGN_LOGIT_SCALE:
        if (!*name || !strcmp(name, "logit_scale")) take(out, "", "logit_scale");
        break;
    case FOREIGN_KINDS: break;
    }
}
