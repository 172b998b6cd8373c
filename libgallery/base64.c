#include "base64.h"

#include <stdint.h>

static const char alphabet[64] = {'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M',
                                  'N', 'O', 'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z',
                                  'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm',
                                  'n', 'o', 'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z',
                                  '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '+', '/'};

size_t gallery_base64_length(size_t n) {
    return (n + 2) / 3 * 4;
}

void gallery_base64_encode(const void *bytes, size_t n, char *out) {
    const unsigned char *in = bytes;
    for (; n >= 3; n -= 3, in += 3, out += 4) {
        uint32_t bits = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];
        out[0] = alphabet[bits >> 18];
        out[1] = alphabet[bits >> 12 & 63];
        out[2] = alphabet[bits >> 6 & 63];
        out[3] = alphabet[bits & 63];
    }
    if (!n) return;
    uint32_t bits = (uint32_t)in[0] << 16 | (n == 2 ? (uint32_t)in[1] << 8 : 0);
    out[0] = alphabet[bits >> 18];
    out[1] = alphabet[bits >> 12 & 63];
    out[2] = n == 2 ? alphabet[bits >> 6 & 63] : '=';
    out[3] = '=';
}

/* 0 to 63, or 64 for a character that is not in the alphabet. */
static uint32_t value_of(char c) {
    if (c >= 'A' && c <= 'Z') return (uint32_t)(c - 'A');
    if (c >= 'a' && c <= 'z') return (uint32_t)(c - 'a' + 26);
    if (c >= '0' && c <= '9') return (uint32_t)(c - '0' + 52);
    return c == '+' ? 62 : c == '/' ? 63 : 64;
}

static bool decode_last(const char *text, unsigned char *out, size_t n) {
    uint32_t a = value_of(text[0]), b = value_of(text[1]);
    uint32_t c = n == 2 ? value_of(text[2]) : 0;
    if ((a | b | c) & 64 || text[3] != '=' || (n == 1 && text[2] != '=')) return false;
    uint32_t bits = a << 18 | b << 12 | c << 6;
    if (bits & (n == 1 ? 0xffff : 0xff)) return false;
    out[0] = (unsigned char)(bits >> 16);
    if (n == 2) out[1] = (unsigned char)(bits >> 8);
    return true;
}

bool gallery_base64_decode(const char *text, size_t length, void *bytes, size_t n) {
    unsigned char *out = bytes;
    if (length % 4 || length != gallery_base64_length(n)) return false;
    for (; n >= 3; n -= 3, out += 3, text += 4) {
        uint32_t a = value_of(text[0]), b = value_of(text[1]);
        uint32_t c = value_of(text[2]), d = value_of(text[3]);
        if ((a | b | c | d) & 64) return false;
        uint32_t bits = a << 18 | b << 12 | c << 6 | d;
        out[0] = (unsigned char)(bits >> 16);
        out[1] = (unsigned char)(bits >> 8);
        out[2] = (unsigned char)bits;
    }
    return !n || decode_last(text, out, n);
}
