# sources of module/, see the Makefile
