/* The description of what the server answers to (OpenAPI 3.1), as JSON. */
#ifndef IMPRINT_FRONT_OPENAPI_H
#define IMPRINT_FRONT_OPENAPI_H

#include "lib/base/buf.h"

void	openapi_put(struct buf *);

#endif
