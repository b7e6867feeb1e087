/* The floor: what one core can do with the same job when nothing is in its way. For every line: host and status, counted.
 * For connector lines also: the stage by its path, counted with the status, the time stamp as a number, the query's pairs.
 * Groups nothing, judges nothing, keeps no field. Build: cc -O3 -o floor floor.c. Prints one line of sums. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SLOTS = 1 << 13, BLOCK = 1 << 20 };

struct counter { uint64_t hash; long count; };
static struct counter by_host[SLOTS], by_stage[SLOTS];

static void count(struct counter *table, const char *from, const char *to, int status) {
    uint64_t hash = 14695981039346656037ull + (uint64_t)status;
    while (from < to) hash = (hash ^ (unsigned char)*from++) * 1099511628211ull;
    size_t place = hash % SLOTS;
    for (size_t tries = 0; tries < SLOTS; tries++, place = (place + 1) % SLOTS) {
        if (table[place].count == 0) table[place].hash = hash;
        if (table[place].hash == hash) { table[place].count++; return; }
    }
}

static int begins(const char *text, const char *end, const char *word) {
    size_t length = strlen(word);
    return (size_t)(end - text) >= length && memcmp(text, word, length) == 0;
}

static long lines, parsed, events, pairs, seconds;

static void take(const char *line, const char *end) {
    lines++;
    const char *open = memchr(line, '"', (size_t)(end - line));
    if (!open) return;
    const char *close = memchr(open + 1, '"', (size_t)(end - open - 1));
    if (!close || end - close < 6) return;
    const char *space = memchr(line, ' ', (size_t)(open - line));
    if (!space) return;
    parsed++;
    int status = (close[2] - '0') * 100 + (close[3] - '0') * 10 + (close[4] - '0');
    count(by_host, line, space, status);

    const char *path = memchr(open, ' ', (size_t)(close - open));
    if (!path++) return;
    if (!begins(path, close, "/mcp") && !begins(path, close, "/oauth/") && !begins(path, close, "/.well-known/oauth-")) return;
    const char *stop = path;
    while (stop < close && *stop != ' ' && *stop != '?') stop++;
    count(by_stage, path, stop, status);
    events++;
    for (; stop < close && *stop != ' '; stop++) pairs += *stop == '=';
    const char *stamp = memchr(line, '[', (size_t)(open - line));
    if (stamp && open - stamp > 21) seconds += atol(stamp + 13) * 3600 + atol(stamp + 16) * 60 + atol(stamp + 19);
}

int main(int argc, char **argv) {
    int file = argc > 1 ? open(argv[1], O_RDONLY) : 0;
    char *block = malloc(BLOCK);
    size_t have = 0;
    ssize_t got;
    if (file < 0 || !block) return 2;
    while ((got = read(file, block + have, BLOCK - have)) > 0) {
        have += (size_t)got;
        char *line = block, *end = block + have, *newline;
        while ((newline = memchr(line, '\n', (size_t)(end - line)))) { take(line, newline); line = newline + 1; }
        have = (size_t)(end - line);
        if (have == BLOCK) have = 0; /* a line longer than a block is no access line */
        memmove(block, line, have);
    }
    printf("lines=%ld parsed=%ld events=%ld pairs=%ld seconds=%ld\n", lines, parsed, events, pairs, seconds);
    return 0;
}
