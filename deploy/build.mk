# Install rules, man pages, examples.
