/* The USB smart card readers of this machine, by /sys alone. */
#include "module/transport/usb_find.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEVICES "/sys/bus/usb/devices"

enum { SMART_CARD_CLASS = 0x0B, PATH_SIZE = 320, TEXT_SIZE = 64 };

/* One line of an attribute, without the line's end; "" if there is none. */
static void read_attribute(const char *entry, const char *attribute, char out[TEXT_SIZE]) {
    char path[PATH_SIZE];
    out[0] = '\0';
    int n = snprintf(path, sizeof(path), DEVICES "/%s/%s", entry, attribute);
    FILE *file = n > 0 && (size_t)n < sizeof(path) ? fopen(path, "re") : NULL;
    if (file == NULL) {
        return;
    }
    if (fgets(out, TEXT_SIZE, file) == NULL) {
        out[0] = '\0';
    }
    fclose(file);
    out[strcspn(out, "\r\n")] = '\0';
}

static bool read_number(const char *entry, const char *attribute, int base, uint8_t *out) {
    char text[TEXT_SIZE], *end;
    read_attribute(entry, attribute, text);
    unsigned long value = strtoul(text, &end, base);
    *out = (uint8_t)value;
    return end != text && *end == '\0' && value <= UINT8_MAX;
}

/* `entry` is an interface, as 1-1.4:1.0. */
static bool read_place(const char *entry, struct usb_place *out) {
    uint8_t class;
    char device[TEXT_SIZE], product[TEXT_SIZE];
    size_t len = strcspn(entry, ":");
    if (entry[len] == '\0' || len >= sizeof(device) ||
        !read_number(entry, "bInterfaceClass", 16, &class) || class != SMART_CARD_CLASS) {
        return false;
    }
    memcpy(device, entry, len);
    device[len] = '\0';
    read_attribute(device, "product", product);
    snprintf(out->name, sizeof(out->name), "USB %s (%.50s)",
             product[0] != '\0' ? product : "smart card reader", entry);
    return read_number(device, "busnum", 10, &out->bus) &&
           read_number(device, "devnum", 10, &out->address) &&
           read_number(entry, "bInterfaceNumber", 16, &out->interface);
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct usb_place *)a)->name, ((const struct usb_place *)b)->name);
}

enum transport_error usb_places_read(struct usb_places *out) {
    *out = (struct usb_places){NULL, 0};
    enum transport_error err = TRANSPORT_OK;
    DIR *directory = opendir(DEVICES);
    const struct dirent *entry;
    while (err == TRANSPORT_OK && directory != NULL && (entry = readdir(directory)) != NULL) {
        struct usb_place place = {0};
        if (!read_place(entry->d_name, &place)) {
            continue;
        }
        struct usb_place *items = realloc(out->items, (out->count + 1) * sizeof(*items));
        if (items == NULL) {
            err = TRANSPORT_MEMORY;
            break;
        }
        out->items = items;
        items[out->count++] = place;
    }
    if (directory != NULL) {
        closedir(directory);
    }
    if (err != TRANSPORT_OK) {
        usb_places_free(out);
    } else if (out->count > 1) {
        qsort(out->items, out->count, sizeof(*out->items), by_name);
    }
    return err;
}

void usb_places_free(struct usb_places *places) {
    free(places->items);
    *places = (struct usb_places){NULL, 0};
}
