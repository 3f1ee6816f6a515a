/* What the writer of device lists tells the reader. Within lib/identity. */
#ifndef IMPRINT_IDENTITY_DEVICE_LIST_INTERNAL_H
#define IMPRINT_IDENTITY_DEVICE_LIST_INTERNAL_H

#include "lib/identity/device_list.h"

const char *device_list_writer_title(const struct device_list_writer *);

#endif
