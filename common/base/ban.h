#pragma once
/* Forced into every translation unit: functions that have no bound or hide state. */
#ifndef SLUICE_NO_BAN
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
/* clang with FORTIFY has these two as macros. */
#undef sprintf
#undef vsprintf
#pragma GCC poison strcpy strcat sprintf vsprintf gets strtok atoi atol atof gmtime localtime ctime asctime tmpnam mktemp
/* Not poisoned: OpenSSL's headers have parameters of this name. */
int rand(void) __attribute__((deprecated("use random_below")));
void srand(unsigned seed) __attribute__((deprecated("use random_below")));
#endif
