/* Names of subjects as numbers: everything in memory refers to a subject by its slot, which lives as long as somebody holds
 * a reference. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "feed/internal.h"

uint32_t name_hash(struct text name)
{
    return (uint32_t)XXH3_64bits(name.data, name.size);
}

/* Where a name stands in the table, or the free place where it would. */
static uint32_t *find(const struct subjects *subjects, struct text name, uint32_t hash)
{
    uint32_t mask = subjects->table_capacity - 1;

    for (uint32_t at = hash & mask;; at = (at + 1) & mask) {
        uint32_t *place = &subjects->table[at];

        if (*place == 0)
            return place;
        const struct subject *subject = subjects->slots[*place - 1];
        if (subject->hash == hash && subject->name_bytes == name.size && memcmp(subject->name, name.data, name.size) == 0)
            return place;
    }
}

static int grow_table(struct subjects *subjects)
{
    uint32_t capacity = subjects->table_capacity ? subjects->table_capacity * 2 : 64;
    uint32_t *table = calloc(capacity, sizeof(*table));

    if (!table)
        return -ENOMEM;
    for (uint32_t i = 0; i < subjects->table_capacity; i++) {
        uint32_t entry = subjects->table[i];
        uint32_t at;

        if (entry == 0)
            continue;
        for (at = subjects->slots[entry - 1]->hash & (capacity - 1); table[at] != 0; at = (at + 1) & (capacity - 1))
            ;
        table[at] = entry;
    }
    free(subjects->table);
    subjects->table = table;
    subjects->table_capacity = capacity;
    return 0;
}

static int grow_slots(struct subjects *subjects)
{
    uint32_t capacity = subjects->capacity ? subjects->capacity * 2 : 64;
    struct subject **slots = realloc(subjects->slots, capacity * sizeof(struct subject *));

    if (!slots)
        return -ENOMEM;
    subjects->slots = slots;
    uint32_t *free_slots = realloc(subjects->free, capacity * sizeof(uint32_t));
    if (!free_slots)
        return -ENOMEM;
    subjects->free = free_slots;
    subjects->capacity = capacity;
    return 0;
}

uint32_t subject_intern(struct subjects *subjects, struct text name)
{
    uint32_t hash = name_hash(name);

    if (name.size > UINT8_MAX)
        return NO_SUBJECT;
    if ((subjects->count + 1) * 4 > subjects->table_capacity * 3 && grow_table(subjects) < 0)
        return NO_SUBJECT;
    uint32_t *place = find(subjects, name, hash);
    if (*place != 0)
        return subject_ref(subjects, *place - 1);
    if (subjects->free_count == 0 && subjects->used == subjects->capacity && grow_slots(subjects) < 0)
        return NO_SUBJECT;
    struct subject *subject = malloc(sizeof(*subject) + name.size);
    if (!subject)
        return NO_SUBJECT;
    *subject = (struct subject){.refs = 1, .hash = hash, .name_bytes = (uint8_t)name.size};
    memcpy(subject->name, name.data, name.size);

    uint32_t slot = subjects->free_count > 0 ? subjects->free[--subjects->free_count] : subjects->used++;
    subjects->slots[slot] = subject;
    *place = slot + 1;
    subjects->count++;
    return slot;
}

uint32_t subject_find(const struct subjects *subjects, struct text name)
{
    return subjects->count == 0 ? NO_SUBJECT : *find(subjects, name, name_hash(name)) - 1;
}

uint32_t subject_ref(struct subjects *subjects, uint32_t slot)
{
    subjects->slots[slot]->refs++;
    return slot;
}

/* Takes a name out of the table; what follows in the same run moves up where it may. */
static void remove_from_table(struct subjects *subjects, uint32_t slot)
{
    uint32_t mask = subjects->table_capacity - 1;
    uint32_t hole = subjects->slots[slot]->hash & mask;

    while (subjects->table[hole] != slot + 1)
        hole = (hole + 1) & mask;
    for (uint32_t at = (hole + 1) & mask; subjects->table[at] != 0; at = (at + 1) & mask) {
        uint32_t home = subjects->slots[subjects->table[at] - 1]->hash & mask;

        if (((at - home) & mask) >= ((at - hole) & mask)) {
            subjects->table[hole] = subjects->table[at];
            hole = at;
        }
    }
    subjects->table[hole] = 0;
}

void subject_unref(struct subjects *subjects, uint32_t slot)
{
    if (slot == NO_SUBJECT)
        return;
    struct subject *subject = subjects->slots[slot];
    assert(subject->refs > 0);
    if (--subject->refs > 0)
        return;
    remove_from_table(subjects, slot);
    idset_done(&subject->online);
    idset_done(&subject->keepers);
    free(subject->display_name);
    free(subject);
    subjects->slots[slot] = NULL;
    subjects->free[subjects->free_count++] = slot;
    subjects->count--;
}

struct text subject_name(const struct subjects *subjects, uint32_t slot)
{
    const struct subject *subject = subjects->slots[slot];

    return (struct text){subject->name, subject->name_bytes};
}

void subjects_done(struct subjects *subjects)
{
    for (uint32_t slot = 0; slot < subjects->used; slot++) {
        if (!subjects->slots[slot])
            continue;
        idset_done(&subjects->slots[slot]->online);
        idset_done(&subjects->slots[slot]->keepers);
        free(subjects->slots[slot]->display_name);
        free(subjects->slots[slot]);
    }
    free(subjects->slots);
    free(subjects->free);
    free(subjects->table);
}
