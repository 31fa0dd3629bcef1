#include "beside_samples.h"

#include <inttypes.h>
#include <stdio.h>

#include "clock.h"
#include "fanout.h"
#include "feed_wire.h"
#include "live.h"

uint32_t beside_timeline_of(const struct drive *drive, uint32_t author, uint32_t follower)
{
    return author * drive->run->shape->followers + follower;
}

/* -------------------------------------------------------------------------------------------------------- what comes */

static void end_sample(struct beside *beside, struct sample *sample)
{
    bool whole = !beside->loaded ||
                 (sample->big > 0 && beside->big == BIG_UNDER_WAY && sample->big == beside->big_shares);

    sample->open = false;
    if (!sample->timed || !whole)
        return;
    histogram_add(&beside->delivered, sample->delivered_ns - sample->sent_ns);
    histogram_add(&beside->listed, sample->listed_ns - sample->sent_ns);
}

static void take_share(struct drive *drive, struct wire *wire, struct feed_text message)
{
    struct beside *beside = drive->state;
    uint64_t delivered = drive->audit.delivered;
    struct marker marker;
    struct sample *sample;
    uint64_t id;
    struct feed_text title = feed_title_of_shared(message, &id);

    audit_deliver(&drive->audit, wire->index, title.data, title.bytes, drive->wires.now_ns);
    if (drive->audit.delivered == delivered || !marker_read(title.data, title.bytes, &marker))
        return;
    sample = &beside->samples[marker.number % BESIDE_KEPT];
    if (--sample->waiting > 0)
        return;
    sample->delivered_ns = drive->wires.now_ns;
    if (sample->listed_ns > 0)
        end_sample(beside, sample);
}

size_t beside_on_online(struct wire *wire, const uint8_t *data, size_t bytes)
{
    struct drive *drive = wire->owner;
    struct beside *beside = drive->state;
    struct feed_frame frame;
    size_t done = 0;
    size_t taken;

    while ((taken = feed_next_frame(data + done, bytes - done, &frame)) > 0) {
        done += taken;
        if (frame.body == FEED_SHARED)
            take_share(drive, wire, frame.message);
        else if (frame.body == FEED_CAUGHT_UP && ++beside->ready > drive->run->shape->connections)
            audit_void(&drive->audit, "a receiver fell back to catching up");
        else if (frame.body == FEED_GAP || frame.body == FEED_ERROR || frame.body == FEED_CLOSING)
            audit_void(&drive->audit, "feedd told a receiver of frame %" PRIu32, frame.body);
    }
    return done;
}

size_t beside_on_share_reply(struct wire *wire, const uint8_t *data, size_t bytes)
{
    struct drive *drive = wire->owner;
    struct beside *beside = drive->state;
    struct feed_frame frame;
    size_t done = 0;
    size_t taken;

    while ((taken = feed_next_frame(data + done, bytes - done, &frame)) > 0) {
        done += taken;
        beside->acknowledged += frame.body == FEED_SHARE;
        if (frame.body != FEED_SHARE && frame.body != FEED_HELLO)
            audit_void(&drive->audit, "feedd answered a share with frame %" PRIu32, frame.body);
    }
    return done;
}

/* ----------------------------------------------------------------------------------------------------- what is shared */

static void share(struct drive *drive, uint32_t author)
{
    struct beside *beside = drive->state;
    char name[LIVE_NAME_BYTES];

    live_author_name(author, name);
    feed_add_share(drive->out, (uint32_t)(2 + (beside->asked++ & 0xffffff)), name,
                   (struct feed_text){beside->title, sizeof(beside->title)});
}

void beside_share_big(struct drive *drive)
{
    struct beside *beside = drive->state;

    share(drive, drive->run->shape->sources);
    beside->big = BIG_SENT;
    beside->big_shares++;
    beside->big_length++;
}

void beside_share_small(struct drive *drive, uint64_t sent_ns)
{
    struct beside *beside = drive->state;
    struct audit *audit = &drive->audit;
    uint32_t author = (uint32_t)(audit->total % audit->sources);
    struct marker marker = audit_publish(audit, author, sent_ns);
    struct sample *sample = &beside->samples[marker.number % BESIDE_KEPT];

    if (sample->open)
        return audit_void(audit, "%d shares were not pushed", BESIDE_KEPT);
    *sample = (struct sample){.sent_ns = sent_ns, .author = author, .waiting = audit->audience[author], .open = true,
                              .length = ++beside->lengths[author], .timed = beside->timed,
                              .big = beside->big == BIG_UNDER_WAY ? beside->big_shares : 0};
    marker_write((char *)beside->title, &marker);
    share(drive, author);
    drive->issued++;
}

/* ------------------------------------------------------------------------------------------------- looks at the lists */

bool beside_is_pending(const struct drive *drive)
{
    return ((const struct beside *)drive->state)->oldest < drive->audit.total;
}

static void ask_length(struct drive *drive, uint32_t timeline)
{
    struct beside *beside = drive->state;

    fanout_add_length(&beside->look.out, timeline);
    beside->look_count++;
}

void beside_look(struct drive *drive, enum look how)
{
    struct beside *beside = drive->state;
    const struct shape *shape = drive->run->shape;
    uint32_t big = beside_timeline_of(drive, shape->sources, 0);
    uint32_t author = beside->samples[beside->oldest % BESIDE_KEPT].author;

    beside->look_count = beside->look_answered = 0;
    if (beside->loaded)
        ask_length(drive, big + shape->beside - 1);
    if (beside->loaded && how == LOOK_AROUND)
        ask_length(drive, big);
    if (beside_is_pending(drive))
        for (uint32_t i = how == LOOK_AROUND ? shape->followers - 1 : 0; i < shape->followers; i++)
            ask_length(drive, beside_timeline_of(drive, author, i));
    beside->looking = beside->look_count > 0 ? how : LOOK_NONE;
    beside->looked_ns = clock_ns();
    wire_flush(&drive->wires, &beside->look);
}

/* Every answer is there: the last timeline of the big author, the first one if it was asked for, those of the small share. */
static void judge_look(struct drive *drive)
{
    struct beside *beside = drive->state;
    struct sample *sample = &beside->samples[beside->oldest % BESIDE_KEPT];
    enum look how = beside->looking;
    uint32_t at = 0;

    beside->looking = LOOK_NONE;
    if (beside->loaded && beside->look_replies[at++] >= beside->big_length)
        beside->big = BIG_NONE;
    if (beside->loaded && how == LOOK_AROUND && beside->look_replies[at++] >= beside->big_length && beside->big == BIG_SENT)
        beside->big = BIG_UNDER_WAY;
    if (at == beside->look_count)
        return;
    for (; at < beside->look_count; at++)
        if (beside->look_replies[at] < sample->length)
            return;
    if (how == LOOK_AROUND)
        return beside_look(drive, LOOK_CLOSELY);
    beside->oldest++;
    beside->looked_ns = 0; /* the next one may be there as well */
    sample->listed_ns = drive->wires.now_ns;
    if (sample->waiting == 0)
        end_sample(beside, sample);
}

size_t beside_on_look(struct wire *wire, const uint8_t *data, size_t bytes)
{
    struct drive *drive = wire->owner;
    struct beside *beside = drive->state;
    struct resp_item item;
    size_t done = 0;
    size_t taken;

    while ((taken = resp_item(data + done, bytes - done, &item)) > 0) {
        done += taken;
        if (item.type != ':' || beside->looking == LOOK_NONE) {
            audit_void(&drive->audit, "Redis does not say how long a timeline is");
            continue;
        }
        beside->look_replies[beside->look_answered++] = (uint64_t)item.number;
        if (beside->look_answered == beside->look_count)
            judge_look(drive);
    }
    return done;
}
