/* scene.h - what the camera can see: walls in a grid, the ground, trees, and how buildings look. */
#ifndef WORLD_SCENE_H
#define WORLD_SCENE_H

#include "shapes.h"

/* Side of a cell of the walls' grid, and of the trees', m. */
#define SCENE_CELL_M 10.0
#define SCENE_TREE_CELL_M 20.0

enum ground { GROUND_GRASS, GROUND_ROAD, GROUND_PAVEMENT, GROUND_MARK, GROUND_YARD, GROUND_KINDS };

enum pattern {
    PATTERN_PLAIN,
    PATTERN_BANDS,
    PATTERN_PANELS,
    PATTERN_BRICK,
    PATTERN_SOCKLE,
    PATTERNS
};

/* How a building looks: colours in [0, 1], lengths in metres. */
struct look {
    float wall[3], trim[3], window[3], door[3], sign[3], letters[3], roof[3];
    float eaves, storey, pitch, window_width, window_height, sill, door_pitch, door_at;
    uint8_t pattern;
    bool shop, has_sign;
    uint64_t seed; /* of this building: lit windows, letters */
};

struct wall {
    float x, y, dx, dy;  /* from one corner to the next */
    float nx, ny;        /* outward, of length 1 */
    float length, along; /* along: metres round the ring to its first corner */
    uint32_t building;
};

struct tree {
    float x, y, radius, height;
    uint32_t seed;
};

struct scene {
    const struct shapes *shapes;
    struct look *looks; /* one per building */
    float tallest_m;
    struct wall *walls;
    size_t walls_n;
    double x0, y0; /* of all grids */
    int columns, rows;
    uint32_t *first /* [rows*columns+1] */, *in_cell; /* walls of each cell */
    struct tree *trees;                               /* cell by cell */
    size_t trees_n;
    int tree_columns, tree_rows;
    uint32_t *tree_first;
    uint8_t *ground;
    double ground_m; /* side of a ground cell */
    int ground_columns, ground_rows;
};

/* `shapes` must outlive the scene. The seed says how buildings look and where trees stand. */
void scene_build(struct scene *s, const struct shapes *shapes, uint64_t seed);
void scene_free(struct scene *s);

#endif
