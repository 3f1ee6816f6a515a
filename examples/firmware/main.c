/*
 * What a firmware does with the device library, on PSA: keys that it makes
 * itself, an identity on two slots of flash, what it may do, evidence. Flash is
 * a file here and the command line stands for the rest of a firmware; the rest
 * is as on a microcontroller: no heap, all contexts its own.
 *
 *   firmware DIR keys TEXT      make the keys; proofs over TEXT to stdout
 *   firmware DIR chip           the key that packages are sealed to, to stdout
 *   firmware DIR install        the package on stdin, sealed or not
 *   firmware DIR start OBJECT   what happens at each start; may it POST?
 *   firmware DIR evidence       32 octets of nonce on stdin, signature out
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "device/adapters/psa/device_psa.h"

#define BUILD_TIME	INT64_C(1767225600)	/* 2026-01-01 */
#define SECTOR		8192			/* a slot, one package */
#define PACKAGE_MAX	(SECTOR - IMPRINT_DEVICE_SLOT_HEAD)
#define KEY_BASE	0x1000			/* of the PSA key identifiers */
#define PROOF_MAX	1024

/* All that the library needs, in static memory. */
static struct {
	struct imprint_device		device;
	struct imprint_device_slots	slots;
	struct imprint_device_storage	storage;
	struct imprint_psa_keys		psa_keys;
	struct imprint_device_keystore	keys;
	uint8_t				record[PACKAGE_MAX];
	uint8_t				input[PACKAGE_MAX];
	uint8_t				package[PACKAGE_MAX + 32];
} fw;

/* Flash: two sectors, all ones where nothing was written. */
static int flash = -1;

static int
flash_read(void *state, unsigned slot, size_t offset, uint8_t *buffer,
    size_t len)
{
	(void)state;
	return pread(flash, buffer, len, (off_t)(slot * SECTOR + offset)) ==
	    (ssize_t)len ? 0 : -1;
}

static int
flash_write(void *state, unsigned slot, size_t offset, const uint8_t *data,
    size_t len)
{
	(void)state;
	return pwrite(flash, data, len, (off_t)(slot * SECTOR + offset)) ==
	    (ssize_t)len ? 0 : -1;
}

static int
flash_erase(void *state, unsigned slot)
{
	uint8_t ones[SECTOR];

	memset(ones, 0xff, sizeof(ones));
	return flash_write(state, slot, 0, ones, sizeof(ones));
}

static int
flash_sync(void *state)
{
	(void)state;
	return fdatasync(flash);
}

static const struct imprint_device_blocks blocks = {
	.slot_size = SECTOR, .read = flash_read, .erase = flash_erase,
	.write = flash_write, .sync = flash_sync
};

/* As the factory delivers it: erased. */
static int
flash_open(void)
{
	flash = open("flash", O_RDWR | O_CREAT, 0600);
	if (flash < 0)
		return -1;
	return lseek(flash, 0, SEEK_END) == 2 * SECTOR ? 0 :
	    flash_erase(NULL, 0) | flash_erase(NULL, 1);
}

static int
setup(void)
{
	const struct imprint_device_crypto *crypto = imprint_device_psa();

	if (crypto == NULL || flash_open() != 0 ||
	    imprint_device_psa_keys(&fw.psa_keys, KEY_BASE, &fw.keys) != 0)
		return -1;
	imprint_device_slots_init(&fw.slots, &blocks, crypto, &fw.storage);
	imprint_device_init(&fw.device, crypto, &fw.storage, BUILD_TIME,
	    fw.record, sizeof(fw.record));
	fw.device.keys = &fw.keys;
	return 0;
}

/* One that is there stays. */
static int
key_make(unsigned handle, enum imprint_device_alg alg,
    enum imprint_device_purpose purpose)
{
	uint8_t room[IMPRINT_DEVICE_HELD_SIZE];
	struct imprint_device_public key;

	if (fw.keys.get(fw.keys.state, handle, room, &key) != 0)
		return -1;
	return key.x.len > 0 ? 0 : fw.keys.make(fw.keys.state, handle, alg,
	    purpose);
}

/* Slot 0 authenticates, slot 2 agrees, and packages may be sealed to it. */
static int
keys(const char *text)
{
	static const unsigned handles[] = { 0, 2 };
	const struct imprint_bytes id = { (const uint8_t *)"fw", 2 };
	const struct imprint_bytes over = { (const uint8_t *)text,
		strlen(text) };
	uint8_t proof[PROOF_MAX];
	size_t i, len = 0;

	if (key_make(0, IMPRINT_DEVICE_P256, IMPRINT_DEVICE_AUTHENTICATE) ||
	    key_make(2, IMPRINT_DEVICE_X25519, IMPRINT_DEVICE_ENCRYPT) ||
	    key_make(IMPRINT_DEVICE_CHIP, IMPRINT_DEVICE_X25519,
	    IMPRINT_DEVICE_ENCRYPT))
		return -1;
	for (i = 0; i < 2; i++)
		if (imprint_device_proof(fw.device.crypto, &fw.keys,
		    handles[i], 0, id, over, proof, sizeof(proof), &len) !=
		    IMPRINT_DEVICE_OK || fwrite(proof, 1, len, stdout) != len)
			return -1;
	return 0;
}

static int
chip(void)
{
	uint8_t room[IMPRINT_DEVICE_HELD_SIZE];
	struct imprint_device_public key;

	if (fw.keys.get(fw.keys.state, IMPRINT_DEVICE_CHIP, room, &key) != 0)
		return -1;
	return fwrite(key.x.ptr, 1, key.x.len, stdout) == 32 ? 0 : -1;
}

static int
report(const struct imprint_device_report *r)
{
	printf("%s%s%s\n", imprint_device_verdict_name(r->verdict),
	    r->reason[0] != '\0' ? ": " : "", r->reason);
	return r->verdict == IMPRINT_DEVICE_ACCEPT ? 0 : 1;
}

static int
install(void)
{
	struct imprint_bytes package = { fw.input, 0 };
	struct imprint_device_identity identity;
	struct imprint_device_report r;
	enum imprint_device_install done;
	size_t len = 0;

	package.len = fread(fw.input, 1, sizeof(fw.input), stdin);
	if (imprint_device_is_sealed(package)) {
		if (imprint_device_unseal(fw.device.crypto, &fw.keys, package,
		    fw.package, sizeof(fw.package), &len, &r) !=
		    IMPRINT_DEVICE_OK)
			return -1;
		if (r.verdict != IMPRINT_DEVICE_ACCEPT)
			return report(&r);
		package.ptr = fw.package;
		package.len = len;
	}
	if (imprint_device_install(&fw.device, package, time(NULL), false,
	    &identity, &r, &done) != IMPRINT_DEVICE_OK)
		return -1;
	return report(&r);
}

static int
start(const char *object)
{
	const struct imprint_bytes what = { (const uint8_t *)object,
		strlen(object) };

	if (imprint_device_load(&fw.device, time(NULL)) != IMPRINT_DEVICE_OK)
		return -1;
	if (report(&fw.device.report) != 0)
		return 1;
	return imprint_device_may(&fw.device.identity, what,
	    IMPRINT_DEVICE_POST) ? 0 : 2;
}

static int
evidence(void)
{
	uint8_t nonce[IMPRINT_DEVICE_NONCE_SIZE];
	uint8_t signature[IMPRINT_DEVICE_SIGNATURE_SIZE];

	if (imprint_device_load(&fw.device, time(NULL)) != IMPRINT_DEVICE_OK ||
	    fread(nonce, 1, sizeof(nonce), stdin) != sizeof(nonce) ||
	    imprint_device_evidence(fw.device.crypto, &fw.keys,
	    &fw.device.identity, nonce, signature) != IMPRINT_DEVICE_OK)
		return -1;
	return fwrite(signature, 1, sizeof(signature), stdout) ==
	    sizeof(signature) ? 0 : -1;
}

int
main(int argc, char **argv)
{
	int result = -1;

	if (argc < 3 || chdir(argv[1]) != 0 || setup() != 0)
		return 70;
	if (strcmp(argv[2], "keys") == 0 && argc == 4)
		result = keys(argv[3]);
	else if (strcmp(argv[2], "chip") == 0)
		result = chip();
	else if (strcmp(argv[2], "install") == 0)
		result = install();
	else if (strcmp(argv[2], "start") == 0 && argc == 4)
		result = start(argv[3]);
	else if (strcmp(argv[2], "evidence") == 0)
		result = evidence();
	memset(fw.record, 0, sizeof(fw.record));
	return result < 0 ? 70 : result;
}
