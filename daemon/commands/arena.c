/* See arena.h. */
#include "commands/arena.h"

#include <stdlib.h>

#define PIECE_BYTES 960

struct arena_piece {
    struct arena_piece *next;
    size_t size;
    max_align_t data[];
};

void arena_init(struct arena *arena, size_t budget)
{
    *arena = (struct arena){.budget = budget};
}

void arena_done(struct arena *arena)
{
    while (arena->pieces) {
        struct arena_piece *piece = arena->pieces;

        arena->pieces = piece->next;
        free(piece);
    }
}

void *arena_allocate(struct arena *arena, size_t size)
{
    if (size > arena->budget) /* before rounding up, which could wrap */
        return NULL;
    size = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    if (size > arena->budget)
        return NULL;
    if (!arena->pieces || arena->pieces->size - arena->used < size) {
        size_t piece_size = size > PIECE_BYTES ? size : PIECE_BYTES;
        struct arena_piece *piece = malloc(sizeof(*piece) + piece_size);

        if (!piece) {
            arena->failed = true;
            return NULL;
        }
        *piece = (struct arena_piece){.next = arena->pieces, .size = piece_size};
        arena->pieces = piece;
        arena->used = 0;
    }
    void *memory = (char *)arena->pieces->data + arena->used;
    arena->used += size;
    arena->budget -= size;
    return memory;
}
