/* A service for genuine devices, one at a time: TLS 1.3, "POST /photo" with the
 * identity document as body; answers 200 or 403, {verdict, reason, ueid}.
 * --status takes a pattern of the files that tell whom to refuse by now. */
#include <err.h>
#include <fcntl.h>
#include <glob.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <imprint/verify.h>

/*
 * TLS proves that the peer owns its certificate's key. OpenSSL insists on a
 * certificate, then takes any: imprint_verify() alone decides, with a reason.
 */
static int
accept_any(int ok, X509_STORE_CTX *ctx)
{
	return ok >= 0 && ctx != NULL;
}

/* Files are replaced as a whole, never changed in place: they can be mapped. */
static void
status_add(struct imprint_verifier *verifier, const char *path, time_t since)
{
	int fd = open(path, O_RDONLY);
	char why[256] = "cannot be read";
	void *data = MAP_FAILED;
	struct stat st;

	if (fstat(fd, &st) == 0 && st.st_ctime < since) {
		(void)close(fd);
		return;
	}
	if (fd >= 0)
		data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE,
		    fd, 0);
	if (data == MAP_FAILED || imprint_verifier_add_status(verifier, data,
	    (size_t)st.st_size, why, sizeof(why)))
		warnx("--status %s: %s", path, why);
	if (data != MAP_FAILED)
		(void)munmap(data, (size_t)st.st_size);
	(void)close(fd);
}

/* What was published since the last look. */
static void
status_read(struct imprint_verifier *verifier, const char *pattern,
    time_t *looked)
{
	time_t since = *looked;
	glob_t found;
	size_t i;

	*looked = time(NULL);
	if (glob(pattern, GLOB_BRACE, NULL, &found) != 0)
		return;
	for (i = 0; i < found.gl_pathc; i++)
		status_add(verifier, found.gl_pathv[i], since);
	globfree(&found);
}

static void
serve(BIO *peer, SSL *ssl, struct imprint_verifier *verifier)
{
	static const char *const methods[] = { "GET", "POST", "PUT", "DELETE",
		"FETCH", "PATCH", "iPATCH" };
	char line[512], method[8], object[128], ueid[67] = "";
	unsigned char document[16 << 10], *certificate = NULL;
	struct imprint_question q = { .object = object, .now = time(NULL) };
	struct imprint_answer a;
	size_t i, len = 0;

	if (BIO_gets(peer, line, sizeof(line)) <= 0 ||
	    sscanf(line, "%7s /%127[!-~]", method, object) != 2)
		return;
	while (BIO_gets(peer, line, sizeof(line)) > 0 && line[0] != '\r')
		(void)sscanf(line, "%*[Cc]ontent-%*[Ll]ength: %zu", &len);
	for (i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		q.permissions |= strcmp(method, methods[i]) ? 0 : 1U << i;
	if (len > sizeof(document) || (len > 0 && BIO_read_ex(peer, document,
	    len, &q.document_len) != 1) || q.document_len != len)
		return;
	q.document = len > 0 ? document : NULL;
	q.certificate_len = (size_t)i2d_X509(SSL_get0_peer_certificate(ssl),
	    &certificate);
	q.certificate = certificate;
	(void)imprint_verify(verifier, &q, &a);	/* if it fails, a denies */
	OPENSSL_free(certificate);
	for (i = 0; i < a.ueid_len; i++)
		(void)snprintf(ueid + 2 * i, 3, "%02x", a.ueid[i]);
	BIO_printf(peer, "HTTP/1.0 %s\r\nContent-Type: application/json\r\n\r\n"
	    "{\"verdict\": \"%s\", \"reason\": \"%s\", \"ueid\": \"%s\"}\n",
	    a.verdict == IMPRINT_ALLOW ? "200 OK" : "403 Forbidden",
	    imprint_verdict_name(a.verdict), a.reason, ueid);
	printf("%s /%s from %s: %s: %s\n", method, object, ueid,
	    imprint_verdict_name(a.verdict), a.reason);
}

int
main(int argc, char **argv)
{
	const char *args[] = { "--port", "0", "--cert", "", "--key", "",
		"--trust", "", "--once", "-1", "--status", "",
		"--max-age", "0" };
	static char trust[1 << 20], text[256] = "cannot be opened";
	static struct imprint_verifier *verifier;
	static BIO *listener, *peer;
	static SSL_CTX *ctx;
	time_t looked = 0;
	SSL *ssl;
	long n;

	for (; argc > 2; argc -= 2, argv += 2)
		for (n = 0; n < 14; n += 2)
			if (strcmp(argv[1], args[n]) == 0)
				args[n + 1] = argv[2];
	if (freopen(args[7], "r", stdin) == NULL || imprint_verifier_new(trust,
	    fread(trust, 1, sizeof(trust), stdin), &verifier, text, 256))
		errx(1, "--trust %s: %s", args[7], text);
	if (imprint_verifier_require_status(verifier,
	    strtol(args[13], NULL, 10)))
		errx(1, "--max-age %s: seconds", args[13]);
	(void)snprintf(text, sizeof(text), "127.0.0.1:%s", args[1]);
	listener = BIO_new_accept(text);
	ctx = SSL_CTX_new(TLS_server_method());
	SSL_CTX_set_num_tickets(ctx, 0);	/* TLS 1.3: no resumption */
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER |
	    SSL_VERIFY_FAIL_IF_NO_PEER_CERT, accept_any);
	if (SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_use_certificate_chain_file(ctx, args[3]) != 1 ||
	    SSL_CTX_use_PrivateKey_file(ctx, args[5], SSL_FILETYPE_PEM) != 1 ||
	    BIO_do_accept(listener) <= 0)
		errx(1, "cannot use --cert, --key or --port");
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	printf("listening on port %s\n", BIO_get_accept_port(listener));
	signal(SIGPIPE, SIG_IGN);	/* peers that hang up */
	for (n = strtol(args[9], NULL, 10);
	    n != 0 && BIO_do_accept(listener) > 0; n--) {
		peer = BIO_push(BIO_new_ssl(ctx, 0), BIO_pop(listener));
		BIO_get_ssl(peer, &ssl);
		peer = BIO_push(BIO_new(BIO_f_buffer()), peer);
		status_read(verifier, args[11], &looked);
		serve(peer, ssl, verifier);
		(void)BIO_flush(peer);
		BIO_free_all(peer);
	}
}
