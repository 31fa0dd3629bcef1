/* The defaults for what struct feed_options may replace. */
#ifndef FEED_ENVIRONMENT_H
#define FEED_ENVIRONMENT_H

#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

extern ProtobufCAllocator environment_allocator;

uint64_t environment_now_ms(void *context);
int environment_random(void *context, void *out, size_t size);

#endif
