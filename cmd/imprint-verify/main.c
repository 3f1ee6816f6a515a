#include "lib/base/io.h"

int imprint_verify_main(int argc, char **argv, const struct io *io);

int
main(int argc, char **argv)
{
	return imprint_verify_main(argc, argv, io_posix());
}
