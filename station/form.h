/*
 * The form in which packages leave the station: what the product wants, by
 * the pack's signed header, or what is asked for instead.
 */
#ifndef IMPRINT_STATION_FORM_H
#define IMPRINT_STATION_FORM_H

#include "lib/identity/pack.h"
#include "lib/identity/package_form.h"

/*
 * Give package, as a device gets it, its form; instead: NULL, or another than
 * the pack's. layout: of instead, where it wants one and the pack has none.
 * One that is sealed to a chip stays as it is.
 * On failure the package is as it was. ERR_INVALID, ERR_LIMIT, ERR_NOMEM.
 */
MUST_USE enum err station_form(const struct pack_header *,
    const struct package_form *instead, struct bytes layout,
    struct secret *package, struct diag *);

#endif
