/* Power cuts in layout profile B. */
#include "tests/unit/firmware-sim/gm_power_cuts.h"

int main(void) {
    return gm_power_cuts('B');
}
