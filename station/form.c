#include "station/form.h"

enum err
station_form(const struct pack_header *header,
    const struct package_form *instead, struct bytes layout,
    struct secret *package, struct diag *diag)
{
	_cleanup_secret_ struct secret made = SECRET_INIT;
	struct secret exact = SECRET_INIT;
	const struct package_form *form = instead;
	enum err err = ERR_OK;

	/* what is sealed to a chip has one form, whatever is inside */
	if (header->mode == ORDER_CHIP ||
	    (form == NULL && header->form == FORM_CBOR))
		return ERR_OK;
	if (form == NULL)
		err = package_form_find(product_form_name(header->form),
		    &form, diag);
	if (err)
		return err;
	if (instead == NULL || (layout.len == 0 && form->layout))
		layout = header->layout;
	err = package_form_put(form, secret_bytes(package), layout, &made,
	    diag);
	/* room for the largest form is no room to keep for each */
	if (!err && secret_copy(&exact, secret_bytes(&made)) != ERR_OK)
		err = diag_nomem(diag);
	if (err)
		return err;
	secret_release(package);
	*package = exact;
	return ERR_OK;
}
