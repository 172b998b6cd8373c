/* pages.h - inside libgallery: whether the pages of an LMDB file are what LMDB takes for granted.
 */
#ifndef GALLERY_PAGES_H
#define GALLERY_PAGES_H

#include "gallery.h"

#include <stdbool.h>

#include <lmdb.h>

/* LMDB trusts its file: a damaged page makes it read outside its map, or abort. This walks the
 * trees of the transaction's snapshot (not the values, which have checksums of their own), and for
 * a writer the pages that are free, too. Reads a page per some hundred entries, not the blocks.
 * GALLERY_EFORMAT names the page; GALLERY_END: the snapshot is so old that its head is gone, begin
 * another. */
int gallery_pages_check(gallery_context *ctx, const char *shown, MDB_txn *txn, bool write);

#endif
