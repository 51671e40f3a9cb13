// A machine whose clock is wrong by CLOCK_ERROR_PPM since CLOCK_ERROR_SINCE_NS: preloaded under a sound server and under
// the peer that uses it, so that both believe the same wrong clock, as on a machine of their own.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

static const long long S = 1000000000LL;

static double setting(const char *name) {
    const char *text = getenv(name);
    return text ? atof(text) : 0.0;
}

static long long since(void) {
    const char *text = getenv("CLOCK_ERROR_SINCE_NS");
    return text ? atoll(text) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *at) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, at);
    if (result || (clock != CLOCK_MONOTONIC && clock != CLOCK_MONOTONIC_RAW)) return result;
    long long ns = at->tv_sec * S + at->tv_nsec;
    ns += (long long)((double)(ns - since()) * setting("CLOCK_ERROR_PPM") * 1e-6);
    at->tv_sec = ns / S;
    at->tv_nsec = ns % S;
    return 0;
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *until, struct timespec *left) {
    static int (*real)(clockid_t, int, const struct timespec *, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_nanosleep");
    if (!(flags & TIMER_ABSTIME) || clock != CLOCK_MONOTONIC) return real(clock, flags, until, left);
    long long ns = until->tv_sec * S + until->tv_nsec;
    ns = since() + (long long)((double)(ns - since()) / (1.0 + setting("CLOCK_ERROR_PPM") * 1e-6));
    struct timespec there = {ns / S, ns % S};
    return real(clock, flags, &there, left);
}
