/* vt-model - makes a model folder from published weights, and shows what is in one. */
#include "cli.h"

#include "libinfer/model.h"

#include <stdlib.h>
#include <string.h>

#define SUMMARY "make a model folder from published weights, or show one"

enum {
    KEY_CLIP = 256,
    KEY_DINOV2,
    KEY_HEADS,
    KEY_IMAGE_MLP,
    KEY_LOCATION,
    KEY_LOGIT_SCALE,
    KEY_CLIP_HEADS,
    KEY_DINOV2_HEADS,
    KEY_TEMPGEO_HEADS,
    KEY_REFINER_HEADS,
    KEY_RECIPE,
    KEY_HALF,
    KEY_JSON,
    KEY_VERIFY
};

static const struct cli_option import_options[] = {
    {'o', "output", "DIR", "the model folder to make, whole or not at all"},
    {KEY_CLIP, "clip", "PATH", "CLIP's vision tower: a file, or a Hugging Face folder"},
    {KEY_DINOV2, "dinov2", "PATH", "DINOv2: a file, or a Hugging Face folder"},
    {KEY_HEADS, "heads", "PATH", "TempGeo, location encoder and GeoRefiner"},
    {KEY_IMAGE_MLP, "image-mlp", "PATH", "GeoCLIP's image_encoder_mlp_weights.pth"},
    {KEY_LOCATION, "location", "PATH", "GeoCLIP's location_encoder_weights.pth"},
    {KEY_LOGIT_SCALE, "logit-scale", "PATH", "GeoCLIP's logit_scale_weights.pth"},
    {KEY_CLIP_HEADS, "clip-heads", "N", "attention heads (default: config.json, else width / 64)"},
    {KEY_DINOV2_HEADS, "dinov2-heads", "N",
     "attention heads (default: config.json, else width / 64)"},
    {KEY_TEMPGEO_HEADS, "tempgeo-heads", "N", "attention heads (default: 8)"},
    {KEY_REFINER_HEADS, "refiner-heads", "N", "attention heads (default: 8)"},
    {KEY_RECIPE, "recipe", "NAME", "pictures: stretch (default) or crop (default for GeoCLIP)"},
    {KEY_HALF, "half", NULL, "store float16: half the size, the values rounded"},
    {'q', "quiet", NULL, "do not list tensors that are not used"},
    {0}};

static const struct cli_option show_options[] = {
    {KEY_JSON, "json", NULL, "print one JSON object"},
    {KEY_VERIFY, "verify", NULL, "read all weights and check them against the ids"},
    {0}};

static const struct cli_spec commands[] = {
    {"vt-model", "import", "make a model folder from published weights", "", CLI_OVERWRITE,
     import_options},
    {"vt-model", "show", "print a model's architecture, sizes and ids", "[DIR]", CLI_MODEL,
     show_options},
};

static int heads_option(const cli *c, const char *option, const char *arg) {
    return (int)cli_integer(c, option, arg, 1, 1024);
}

static void take_import_option(cli *c, int key, const char *arg, infer_import *what) {
    switch (key) {
    case 'o': what->output = arg; break;
    case 'q': c->quiet = true; break;
    case KEY_CLIP: what->clip = arg; break;
    case KEY_DINOV2: what->dinov2 = arg; break;
    case KEY_HEADS: what->heads = arg; break;
    case KEY_IMAGE_MLP: what->image_mlp = arg; break;
    case KEY_LOCATION: what->location = arg; break;
    case KEY_LOGIT_SCALE: what->logit_scale = arg; break;
    case KEY_CLIP_HEADS: what->clip_heads = heads_option(c, "--clip-heads", arg); break;
    case KEY_DINOV2_HEADS: what->dinov2_heads = heads_option(c, "--dinov2-heads", arg); break;
    case KEY_TEMPGEO_HEADS: what->tempgeo_heads = heads_option(c, "--tempgeo-heads", arg); break;
    case KEY_REFINER_HEADS: what->refiner_heads = heads_option(c, "--refiner-heads", arg); break;
    case KEY_RECIPE: what->recipe = arg; break;
    case KEY_HALF: what->half = true; break;
    default: break;
    }
}

static infer *open_context(const cli *c) {
    infer *ctx;
    int status = infer_open(NULL, &ctx);
    if (status != INFER_OK) {
        cli_error(c, "%s", infer_describe(status));
        exit(CLI_FAILED);
    }
    return ctx;
}

/* One message per line of text. */
static void warn_lines(const cli *c, char *text) {
    char *rest;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        cli_warn(c, "%s", line);
}

static int do_import(cli *c) {
    infer_import what = {0};
    const char *arg;
    char *listed = NULL;
    size_t length;
    for (int key; (key = cli_next(c, &arg));) take_import_option(c, key, arg, &what);
    if (c->argc) cli_usage(c, "takes no operands, but was given '%s'", c->argv[0]);
    what.overwrite = c->overwrite;
    what.unexpected = c->quiet ? NULL : open_memstream(&listed, &length);
    infer *ctx = open_context(c);
    int status = infer_model_import(ctx, &what);
    if (status == INFER_EUSAGE) cli_usage(c, "%s", infer_message(ctx));
    if (what.unexpected) fclose(what.unexpected);
    if (listed) warn_lines(c, listed);
    if (status != INFER_OK) cli_error(c, "%s", infer_message(ctx));
    free(listed);
    infer_close(ctx);
    return status == INFER_OK ? CLI_DONE : CLI_FAILED;
}

static int do_show(cli *c) {
    bool json = false, verify = false;
    const char *arg;
    for (int key; (key = cli_next(c, &arg));) {
        json |= key == KEY_JSON;
        verify |= key == KEY_VERIFY;
    }
    if (c->argc > 1) cli_usage(c, "takes one model folder, but was given %d", c->argc);
    if (c->argc && c->model && c->model != getenv("VT_MODEL"))
        cli_usage(c, "-m %s and '%s': give one model folder", c->model, c->argv[0]);
    if (c->argc) c->model = c->argv[0];
    cli_need_model(c);
    infer *ctx = open_context(c);
    infer_model *model = NULL;
    int status = verify ? infer_model_verify(ctx, c->model) : INFER_OK;
    if (status == INFER_OK) status = infer_model_load(ctx, c->model, 0, &model);
    bool loaded = status == INFER_OK;
    if (loaded) status = infer_model_print(model, stdout, json);
    if (status != INFER_OK)
        cli_error(c, "%s%s%s", loaded ? cli_output_name(c) : "", loaded ? ": " : "",
                  infer_message(ctx));
    infer_model_close(model);
    infer_close(ctx);
    return status == INFER_OK ? CLI_DONE : CLI_FAILED;
}

int main(int argc, char **argv) {
    cli c;
    int command = cli_command("vt-model", SUMMARY, commands, 2, argc, argv);
    cli_start(&c, &commands[command], argc, argv, infer_blas_wanted_core());
    return command ? do_show(&c) : do_import(&c);
}
