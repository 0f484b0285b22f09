#pragma once
/* Completion scripts, generated from the table of commands: one writer a shell. */
#include <stdio.h>

#include "cpctl/cpctl.h"

void cpctl_completion_bash(FILE *out);
void cpctl_completion_zsh(FILE *out);
void cpctl_completion_fish(FILE *out);

/* The name that the scripts use for a sort of words: "kind". */
const char *cpctl_words_name(enum cpctl_words words);
/* Prints the fixed words of a sort with a space between: "table yaml json name". Nothing for sorts that are asked for at
 * run time. */
void cpctl_words_print(FILE *out, enum cpctl_words words);
/* Of bash and zsh: the cases of a shell function that offers each sort of words; those without a call stand between before and behind. */
void cpctl_completion_offers(FILE *out, const char *before, const char *behind);
/* And the cases of the options that take a word. */
void cpctl_completion_options(FILE *out);
/* The call of cpctl that lists a sort at run time ("get stages -o name"), or NULL. */
const char *cpctl_words_call(enum cpctl_words words);
/* The first words of commands, each once, in the table's order: next(i) is the index behind it. */
size_t cpctl_first_word(size_t i, struct slice *out);
