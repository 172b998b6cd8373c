#include "utf8.h"

size_t gallery_utf8_length(const char *text, const char *end) {
    static const struct {
        unsigned char first, last, low, high; /* of the first byte, of the second */
        size_t length;
    } kinds[] = {{0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
                 {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3},
                 {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
                 {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4}};
    const unsigned char *s = (const unsigned char *)text;
    size_t there = (size_t)(end - text);
    if (there && *s < 0x80) return 1;
    for (size_t k = 0; there && k < sizeof kinds / sizeof *kinds; k++) {
        if (*s < kinds[k].first || *s > kinds[k].last) continue;
        if (there < kinds[k].length || s[1] < kinds[k].low || s[1] > kinds[k].high) return 0;
        for (size_t i = 2; i < kinds[k].length; i++)
            if ((s[i] & 0xc0) != 0x80) return 0;
        return kinds[k].length;
    }
    return 0;
}
