/* Packages for devices that a list named, and the form a chip gets. */
#include "lib/base/cbor_write.h"
#include "lib/identity/chip_package.h"

const char *
order_mode_name(enum order_mode mode)
{
	switch (mode) {
	case ORDER_STATION:
		return "station";
	case ORDER_CHIP:
		return "chip";
	case ORDER_DEVICE_KEY:
		return "device-key";
	}
	return NULL;
}

enum err
order_mode_by_name(const char *name, enum order_mode *ret_mode)
{
	int mode;

	for (mode = ORDER_STATION; mode <= ORDER_DEVICE_KEY; mode++)
		if (strcmp(order_mode_name((enum order_mode)mode), name) ==
		    0) {
			*ret_mode = (enum order_mode)mode;
			return ERR_OK;
		}
	return ERR_NOTFOUND;
}

void
pack_device_put(struct buf *out, const struct pack_device *device)
{
	cbor_put_array(out, 4);
	cbor_put_bstr(out, bytes_of(device->kid, SHA256_SIZE));
	cbor_put_bstr(out, device->id);
	cbor_put_bstr(out, device->enc);
	cbor_put_bstr(out, device->sealed);
}

enum err
pack_device_get(struct bytes encoded, struct pack_device *ret_device)
{
	struct pack_device device;
	struct bytes kid;
	struct cbor cbor;

	cbor_open(&cbor, encoded);
	cbor_get_array_sized(&cbor, 4);
	kid = cbor_get_bstr_sized(&cbor, SHA256_SIZE);
	device.id = cbor_get_bstr(&cbor);
	device.enc = cbor_get_bstr(&cbor);
	device.sealed = cbor_get_bstr(&cbor);
	if (!cbor_close(&cbor) || (device.enc.len != 0 &&
	    device.enc.len != 32 && device.enc.len != 65))
		return ERR_SYNTAX;
	memcpy(device.kid, kid.ptr, SHA256_SIZE);
	*ret_device = device;
	return ERR_OK;
}

void
chip_package_put(struct buf *out, const struct pack_header *header,
    const struct pack_sealed *sealed)
{
	size_t i;

	cbor_put_array(out, 11);
	cbor_put_text(out, CHIP_PACKAGE_MAGIC);
	cbor_put_uint(out, CHIP_PACKAGE_VERSION);
	cbor_put_bstr(out, bytes_of(header->binding.pack, PACKAGE_ID_SIZE));
	cbor_put_bstr(out, bytes_of(header->binding.order, PACKAGE_ID_SIZE));
	cbor_put_uint(out, sealed->index);
	cbor_put_bstr(out, bytes_of(header->binding.product, SHA256_SIZE));
	cbor_put_bstr(out, bytes_of(sealed->commitment, SHA256_SIZE));
	cbor_put_bstr(out, bytes_of(sealed->device.kid, SHA256_SIZE));
	cbor_put_bstr(out, sealed->device.enc);
	cbor_put_bstr(out, sealed->device.sealed);
	cbor_put_array(out, header->cert_count);
	for (i = 0; i < header->cert_count; i++)
		cbor_put_bstr(out, header->certs[i]);
}

struct chip_package {
	struct package_binding	binding;
	uint64_t		index;
	struct bytes		commitment, enc, sealed;
	struct bytes		certs[PACK_CERTS_MAX];
	size_t			cert_count;
};

static void
fixed_get(struct cbor *cbor, uint8_t *out, size_t len)
{
	struct bytes b = cbor_get_bstr_sized(cbor, len);

	if (cbor_ok(cbor))
		memcpy(out, b.ptr, len);
}

static enum err
chip_package_parse(struct bytes encoded, struct chip_package *package,
    struct diag *diag)
{
	uint64_t version;
	struct cbor cbor;
	size_t i;

	cbor_open(&cbor, encoded);
	(void)cbor_get_array(&cbor);
	if (!bytes_equal(cbor_get_tstr(&cbor),
	    bytes_text(CHIP_PACKAGE_MAGIC)))
		return diag_fail(diag, ERR_SYNTAX, NULL,
		    "chip package: not one");
	version = cbor_get_uint(&cbor);
	if (cbor_ok(&cbor) && version != CHIP_PACKAGE_VERSION)
		return diag_fail(diag, ERR_VERSION, NULL,
		    "chip package: version %ju, this build reads %d",
		    (uintmax_t)version, CHIP_PACKAGE_VERSION);
	cbor_open_checked(&cbor, encoded);
	cbor_get_array_sized(&cbor, 11);
	(void)cbor_get_tstr(&cbor);
	(void)cbor_get_uint(&cbor);
	fixed_get(&cbor, package->binding.pack, PACKAGE_ID_SIZE);
	fixed_get(&cbor, package->binding.order, PACKAGE_ID_SIZE);
	package->index = cbor_get_uint(&cbor);
	fixed_get(&cbor, package->binding.product, SHA256_SIZE);
	package->commitment = cbor_get_bstr_sized(&cbor, SHA256_SIZE);
	fixed_get(&cbor, package->binding.recipient, SHA256_SIZE);
	package->enc = cbor_get_bstr(&cbor);
	package->sealed = cbor_get_bstr(&cbor);
	package->cert_count = cbor_get_array(&cbor);
	if (package->cert_count > PACK_CERTS_MAX)
		cbor_fail(&cbor, "too many certificates");
	for (i = 0; i < package->cert_count && cbor_ok(&cbor); i++)
		package->certs[i] = cbor_get_bstr(&cbor);
	return cbor_close(&cbor) ? ERR_OK : diag_fail(diag, ERR_SYNTAX, NULL,
	    "chip package: octet %zu: %s", cbor.pos, cbor.error);
}

enum err
chip_package_open(struct bytes encoded, enum key_alg alg,
    struct bytes private, struct secret *out, struct diag *diag)
{
	_cleanup_opener_ struct package_opener *opener = NULL;
	struct chip_package package = { .index = 0 };
	uint8_t kid[COSE_KID_SIZE];
	struct public_key key;
	enum err err;

	err = chip_package_parse(encoded, &package, diag);
	if (!err)
		err = key_derive_public(alg, private, &key, diag);
	if (!err)
		err = cose_key_thumbprint(&key, kid);
	if (err)
		return err;
	if (memcmp(kid, package.binding.recipient, COSE_KID_SIZE) != 0)
		return diag_fail(diag, ERR_AUTH, NULL,
		    "chip package: is another chip's");
	err = package_opener_new(&package.binding, alg, private, package.enc,
	    &opener, diag);
	return err ? err : package_open(opener, package.index,
	    package.commitment.ptr, package.sealed, package.certs,
	    package.cert_count, out, diag);
}
