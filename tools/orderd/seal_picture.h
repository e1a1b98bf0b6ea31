/* Draws the picture of an official seal: red circle or ellipse, the organisation's name around, a
 * star in the middle. */
#ifndef OPENUKEY_ORDERD_SEAL_PICTURE_H
#define OPENUKEY_ORDERD_SEAL_PICTURE_H

#include "module/formats/octets.h"

/* *png = a transparent PNG at 200 dots per inch of width_mm x height_mm (10..200). `name`:
 * UTF-8, 1..60 characters, along the rim. A font for the name's script must be installed. False:
 * bad input or drawing failed. */
bool seal_picture_png(const char *name, int width_mm, int height_mm, struct octets *png);

#endif
