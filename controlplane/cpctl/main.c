#include <signal.h>

#include "cpctl/cpctl.h"

int main(int argc, char **argv)
{
    /* A reader that leaves early is told of by write errors, which are looked at. */
    (void)signal(SIGPIPE, SIG_IGN);
    return cpctl_main(argc, argv, stdout, stderr);
}
