/* cmocka with what it wants before it. */
#ifndef TESTS_FIRMWARE_SIM_TESTING_H
#define TESTS_FIRMWARE_SIM_TESTING_H

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
// clang-format on

#endif
