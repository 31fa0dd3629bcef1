/* The program of a fuzz target without a fuzzer: it replays the files it is given, or else FUZZ_MADE_INPUTS inputs that make_input()
 * makes, of FUZZ_INPUT_BYTES at most. Included once, behind these. */
#ifndef FEED_TESTS_FUZZ_MAIN_H
#define FEED_TESTS_FUZZ_MAIN_H

#include <stdint.h>
#include <stdio.h>

static int replay(const char *path)
{
    static uint8_t input[FUZZ_INPUT_BYTES];
    FILE *file = fopen(path, "rb");
    size_t size;

    if (!file) {
        perror(path);
        return 1;
    }
    size = fread(input, 1, sizeof(input), file);
    fclose(file);
    return LLVMFuzzerTestOneInput(input, size);
}

int main(int argc, char **argv)
{
    static uint8_t input[FUZZ_INPUT_BYTES];
    int failures = 0;

    for (int i = 1; i < argc; i++)
        failures += replay(argv[i]);
    for (int i = 0; argc == 1 && i < FUZZ_MADE_INPUTS; i++)
        (void)LLVMFuzzerTestOneInput(input, make_input(input));
    return failures == 0 ? 0 : 1;
}

#endif
