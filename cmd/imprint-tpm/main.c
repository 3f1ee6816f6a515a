#include "lib/base/io.h"

int imprint_tpm_main(int argc, char **argv, const struct io *io);

int
main(int argc, char **argv)
{
	return imprint_tpm_main(argc, argv, io_posix());
}
