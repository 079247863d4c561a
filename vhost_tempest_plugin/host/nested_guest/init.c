/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The nested guest's only program.  It says on the serial console what it sees, gets an
 * address by DHCP (RFC 2131) through every Ethernet interface, and stays.  What it writes is
 * in report.py, which reads it.  It has no C library: under emulation inside emulation every
 * page and every instruction that runs for the first time is dear.
 */
#include <fcntl.h>
#include <linux/reboot.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>

#define PREFIX "vhost-guest: "
#define PCI "/sys/bus/pci/devices"
#define NODES "/sys/devices/system/node"
#define CPUS "/sys/devices/system/cpu"
#define NET "/sys/class/net"

#define MAX_LINKS 32
#define PCI_ADDRESS_CHARS 12
#define RETRY_MS 1000
#define TICK_MS 50

/*
 * How long a NIC may take to find its link, and a server to answer: this at least, and where the
 * boot took its time, so much of that (seen: link 2.9 s, answer 1.1 s after a boot of 107 s).
 */
#define CARRIER_MS 10000
#define CARRIER_PERCENT 50
#define ANSWER_MS 30000
#define ANSWER_PERCENT 100

typedef unsigned char u8;
typedef unsigned int u32;

/* The kernel's interface (x86-64 psABI, A.2.1). */

static long call(long number, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

#define sys6(name, a, b, c, d, e, f) \
	call(__NR_##name, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define sys5(name, a, b, c, d, e) sys6(name, a, b, c, d, e, 0)
#define sys3(name, a, b, c) sys6(name, a, b, c, 0, 0, 0)
#define sys2(name, a, b) sys6(name, a, b, 0, 0, 0, 0)
#define sys1(name, a) sys6(name, a, 0, 0, 0, 0, 0)

/* GCC may call these three for what the source does with assignments. */

void *memset(void *to, int value, unsigned long size)
{
	u8 *at = to;

	while (size--)
		*at++ = (u8)value;
	return to;
}

void *memcpy(void *to, const void *from, unsigned long size)
{
	u8 *at = to;
	const u8 *source = from;

	while (size--)
		*at++ = *source++;
	return to;
}

int memcmp(const void *left, const void *right, unsigned long size)
{
	const u8 *a = left, *b = right;

	for (; size--; a++, b++)
		if (*a != *b)
			return *a - *b;
	return 0;
}

static unsigned long length(const char *text)
{
	unsigned long n = 0;

	while (text[n])
		n++;
	return n;
}

static int begins(const char *text, const char *with)
{
	while (*with)
		if (*text++ != *with++)
			return 0;
	return 1;
}

/* Lines of the report. */

static int console;
static char line[512];
static unsigned int used;

static void put(const char *text)
{
	while (*text && used < sizeof(line) - 2)
		line[used++] = *text++;
}

static void put_number(unsigned long value, unsigned int base, int digits)
{
	char text[24];
	int at = sizeof(text) - 1;

	text[at] = 0;
	do {
		text[--at] = "0123456789abcdef"[value % base];
		value /= base;
		digits--;
	} while (value || digits > 0);
	put(text + at);
}

static void begin(const char *what)
{
	used = 0;
	put(PREFIX);
	put(what);
}

static void end(void)
{
	line[used++] = '\n';
	sys3(write, console, line, used);
}

/* Files of sysfs: small texts. */

static char *join(const char *a, const char *b, const char *c)
{
	static char path[256];
	const char *parts[] = { a, "/", b, c ? "/" : "", c ? c : "" };
	unsigned int at = 0;

	for (int i = 0; i < 5; i++)
		for (const char *from = parts[i]; *from && at < sizeof(path) - 1;)
			path[at++] = *from++;
	path[at] = 0;
	return path;
}

/* The text of a file without its newline, "" where there is none. */
static char *text_of(const char *path)
{
	static char text[4096];
	int file = sys3(open, path, O_RDONLY, 0);
	long size = 0;

	if (file >= 0) {
		size = sys3(read, file, text, sizeof(text) - 1);
		sys1(close, file);
	}
	if (size < 0)
		size = 0;
	text[size] = 0;
	if (size && text[size - 1] == '\n')
		text[size - 1] = 0;
	return text;
}

/* What a symbolic link points at, "" where there is none. */
static const char *target_of(const char *path)
{
	static char text[512];
	long size = sys3(readlink, path, text, sizeof(text) - 1);

	text[size < 0 ? 0 : size] = 0;
	return text;
}

static const char *last_part(const char *text)
{
	const char *last = text;

	for (const char *at = text; *at; at++)
		if (*at == '/')
			last = at + 1;
	return last;
}

/* The last PCI address, as 0000:01:00.0, in a path of sysfs, "" where there is none. */
static const char *pci_part(const char *path)
{
	static char address[PCI_ADDRESS_CHARS + 1];

	address[0] = 0;
	for (const char *at = path; length(at) > PCI_ADDRESS_CHARS; at++)
		if (at[0] == '/' && at[5] == ':' && at[8] == ':' && at[11] == '.')
			memcpy(address, at + 1, PCI_ADDRESS_CHARS);
	return address;
}

struct entry {
	unsigned long inode;
	long offset;
	unsigned short size;
	u8 type;
	char name[];
};

typedef void visit_fn(const char *name);

static void each(const char *directory, visit_fn *visit)
{
	static char buffers[2][4096];
	static int depth;
	int file = sys3(open, directory, O_RDONLY | O_DIRECTORY, 0);
	char *buffer = buffers[depth++];
	long size;

	if (file >= 0) {
		while ((size = sys3(getdents64, file, buffer, sizeof(buffers[0]))) > 0)
			for (long at = 0; at < size;) {
				struct entry *entry = (struct entry *)(buffer + at);

				at += entry->size;
				if (entry->name[0] != '.')
					visit(entry->name);
			}
		sys1(close, file);
	}
	depth--;
}

/* What it sees. */

static void see_cpu(const char *name)
{
	if (!begins(name, "cpu") || name[3] < '0' || name[3] > '9')
		return;
	begin("cpu ");
	put(name + 3);
	put(" socket=");
	put(text_of(join(CPUS, name, "topology/physical_package_id")));
	put(" siblings=");
	put(text_of(join(CPUS, name, "topology/thread_siblings_list")));
	end();
}

static const char *node_name;

static void see_huge_pages(const char *name)
{
	char path[128];
	const char *of_size = "hugepages-";

	if (!begins(name, of_size))
		return;
	memcpy(path, "hugepages/", 10);
	memcpy(path + 10, name, length(name) + 1);
	memcpy(path + 10 + length(name), "/nr_hugepages", 14);
	if (text_of(join(NODES, node_name, path))[0] == '0')
		return;
	begin("hugepages node=");
	put(node_name + 4);
	put(" size_kib=");
	for (const char *at = name + length(of_size); *at >= '0' && *at <= '9'; at++)
		put_number(*at - '0', 10, 1);
	put(" total=");
	put(text_of(join(NODES, node_name, path)));
	memcpy(path + 10 + length(name), "/free_hugepages", 16);
	put(" free=");
	put(text_of(join(NODES, node_name, path)));
	end();
}

static void see_node(const char *name)
{
	char *at;

	if (!begins(name, "node") || name[4] < '0' || name[4] > '9')
		return;
	begin("node ");
	put(name + 4);
	put(" cpus=");
	put(text_of(join(NODES, name, "cpulist")));
	put(" memory_kib=");
	at = text_of(join(NODES, name, "meminfo"));
	while (*at && *at != ':')
		at++;
	while (*at && (*at < '0' || *at > '9'))
		at++;
	for (; *at >= '0' && *at <= '9'; at++)
		put_number(*at - '0', 10, 1);
	end();
	node_name = name;
	each(join(NODES, name, "hugepages"), see_huge_pages);
}

static void see_function(const char *name)
{
	const char *driver;

	begin("pci ");
	put(name);
	put(" ");
	put(text_of(join(PCI, name, "vendor")) + 2);
	put(":");
	put(text_of(join(PCI, name, "device")) + 2);
	put(" class=");
	put(text_of(join(PCI, name, "class")) + 2);
	put(" node=");
	put(text_of(join(PCI, name, "numa_node")));
	driver = last_part(target_of(join(PCI, name, "driver")));
	if (*driver) {
		put(" driver=");
		put(driver);
	}
	end();
}

/* DHCP: one exchange for each interface, all at once. */

struct message {
	u8 op, htype, hlen, hops;
	u32 xid;
	unsigned short secs, flags;
	u32 ciaddr, yiaddr, siaddr, giaddr;
	u8 chaddr[16], sname[64], file[128];
	u8 cookie[4], options[308];
} __attribute__((packed));

enum { DISCOVER = 1, OFFER = 2, REQUEST = 3, ACK = 5 };
enum { OPTION_ADDRESS = 50, OPTION_TYPE = 53, OPTION_SERVER = 54, OPTION_END = 255 };

struct link {
	char name[IFNAMSIZ];
	char place[PCI_ADDRESS_CHARS + 1]; /* its PCI address */
	u8 mac[6];
	int socket;
	int running;
	int done;
	u8 state; /* the message that was sent last */
	u32 offered;
	u32 server;
	long next_ms;
};

static struct link links[MAX_LINKS];
static int link_count;

static long now_ms(void)
{
	struct timespec now;

	sys2(clock_gettime, CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void put_address(u32 address)
{
	const u8 *byte = (const u8 *)&address;

	for (int i = 0; i < 4; i++) {
		if (i)
			put(".");
		put_number(byte[i], 10, 1);
	}
}

static void begin_link(const char *what, const struct link *link)
{
	begin(what);
	put(link->place);
	put(" ");
	for (int i = 0; i < 6; i++) {
		if (i)
			put(":");
		put_number(link->mac[i], 16, 2);
	}
}

static int flags_of(const struct link *link)
{
	struct ifreq request;

	memset(&request, 0, sizeof(request));
	memcpy(request.ifr_name, link->name, IFNAMSIZ);
	return sys3(ioctl, link->socket, SIOCGIFFLAGS, &request) ? 0 : request.ifr_flags;
}

static void open_link(const char *name)
{
	struct link *link = &links[link_count];
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = __builtin_bswap16(68) };
	struct ifreq request;
	const char *place;
	int on = 1;

	if (link_count == MAX_LINKS || length(name) >= IFNAMSIZ)
		return;
	place = pci_part(target_of(join(NET, name, 0)));
	if (!*place)
		return;
	memset(link, 0, sizeof(*link));
	memcpy(link->name, name, length(name));
	memcpy(link->place, place, PCI_ADDRESS_CHARS);
	link->socket = sys3(socket, AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	memset(&request, 0, sizeof(request));
	memcpy(request.ifr_name, link->name, IFNAMSIZ);
	if (sys3(ioctl, link->socket, SIOCGIFHWADDR, &request) ||
	    request.ifr_hwaddr.sa_family != ARPHRD_ETHER) {
		sys1(close, link->socket);
		return;
	}
	memcpy(link->mac, request.ifr_hwaddr.sa_data, 6);
	request.ifr_flags = IFF_UP;
	sys3(ioctl, link->socket, SIOCSIFFLAGS, &request);
	sys5(setsockopt, link->socket, SOL_SOCKET, SO_BINDTODEVICE, link->name, IFNAMSIZ);
	sys5(setsockopt, link->socket, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on));
	sys3(bind, link->socket, &any, sizeof(any));
	link->state = DISCOVER;
	link_count++;
	begin_link("interface ", link);
	put(" ");
	put(link->name);
	end();
}

static u8 *put_option(u8 *at, u8 code, u32 value)
{
	*at++ = code;
	*at++ = 4;
	memcpy(at, &value, 4);
	return at + 4;
}

static void ask(struct link *link)
{
	static struct message message;
	struct sockaddr_in everyone = {
		.sin_family = AF_INET,
		.sin_port = __builtin_bswap16(67),
		.sin_addr.s_addr = 0xffffffff,
	};
	u8 *at = message.options;

	memset(&message, 0, sizeof(message));
	message.op = 1;
	message.htype = ARPHRD_ETHER;
	message.hlen = 6;
	memcpy(&message.xid, link->mac + 2, 4);
	message.flags = __builtin_bswap16(0x8000); /* answer by broadcast */
	memcpy(message.chaddr, link->mac, 6);
	memcpy(message.cookie, "\x63\x82\x53\x63", 4);
	*at++ = OPTION_TYPE;
	*at++ = 1;
	*at++ = link->state;
	if (link->state == REQUEST) {
		at = put_option(at, OPTION_ADDRESS, link->offered);
		at = put_option(at, OPTION_SERVER, link->server);
	}
	*at = OPTION_END;
	link->next_ms = now_ms() + RETRY_MS;
	sys6(sendto, link->socket, &message, sizeof(message), 0, &everyone, sizeof(everyone));
}

static const u8 *option(const struct message *message, long size, u8 code)
{
	const u8 *at = message->options;
	const u8 *stop = (const u8 *)message + size;

	while (at < stop && *at != OPTION_END) {
		if (*at == 0) {
			at++;
			continue;
		}
		if (at + 2 > stop || at + 2 + at[1] > stop)
			break;
		if (*at == code)
			return at + 2;
		at += 2 + at[1];
	}
	return 0;
}

static void hear(struct link *link)
{
	static struct message message;
	long size = sys3(read, link->socket, &message, sizeof(message));
	const u8 *type, *server;

	if (size <= (long)__builtin_offsetof(struct message, options) || message.op != 2 ||
	    memcmp(&message.xid, link->mac + 2, 4) || memcmp(message.chaddr, link->mac, 6))
		return;
	type = option(&message, size, OPTION_TYPE);
	server = option(&message, size, OPTION_SERVER);
	if (!type || !server)
		return;
	memcpy(&link->server, server, 4);
	if (link->state == DISCOVER && *type == OFFER) {
		link->state = REQUEST;
		link->offered = message.yiaddr;
		ask(link);
	} else if (link->state == REQUEST && *type == ACK) {
		link->done = 1;
		begin_link("dhcp ", link);
		put(" ");
		put_address(message.yiaddr);
		put(" server=");
		put_address(link->server);
		end();
	}
}

static long later(long begun_ms, long least_ms, int percent)
{
	long part_ms = begun_ms * percent / 100;

	return begun_ms + (part_ms > least_ms ? part_ms : least_ms);
}

/* Whether an interface has nothing to wait for any more. */
static int is_over(const struct link *link, long carrier_ms, long answer_ms)
{
	return link->done || now_ms() >= (link->running ? answer_ms : carrier_ms);
}

static void get_addresses(void)
{
	struct pollfd polled[MAX_LINKS];
	long begun_ms = now_ms();
	long carrier_ms = later(begun_ms, CARRIER_MS, CARRIER_PERCENT);
	long answer_ms = later(begun_ms, ANSWER_MS, ANSWER_PERCENT);
	int waiting = link_count;

	while (waiting) {
		waiting = 0;
		for (int i = 0; i < link_count; i++) {
			struct link *link = &links[i];

			polled[i] = (struct pollfd){ .fd = -1, .events = POLLIN };
			if (!link->done && !link->running)
				link->running = !!(flags_of(link) & IFF_RUNNING);
			if (is_over(link, carrier_ms, answer_ms))
				continue;
			waiting++;
			polled[i].fd = link->socket;
			if (link->running && now_ms() >= link->next_ms)
				ask(link);
		}
		if (waiting)
			sys3(poll, polled, link_count, TICK_MS);
		for (int i = 0; i < link_count; i++)
			if (waiting && polled[i].revents & POLLIN)
				hear(&links[i]);
	}
	for (int i = 0; i < link_count; i++)
		if (!links[i].done) {
			begin_link("no-dhcp ", &links[i]);
			put(links[i].running ? " reason=no-answer" : " reason=no-carrier");
			end();
		}
}

static int power_off_wanted(void)
{
	for (const char *at = text_of("/proc/cmdline"); *at; at++)
		if (begins(at, "vhost.poweroff"))
			return 1;
	return 0;
}

__attribute__((force_align_arg_pointer, noreturn)) void _start(void)
{
	sys5(mount, "devtmpfs", "/dev", "devtmpfs", 0, 0);
	sys5(mount, "proc", "/proc", "proc", 0, 0);
	sys5(mount, "sysfs", "/sys", "sysfs", 0, 0);
	console = sys3(open, "/dev/console", O_RDWR | O_NOCTTY, 0);
	begin("kernel ");
	put(text_of("/proc/sys/kernel/osrelease"));
	end();
	/* First, for the carrier takes its time. */
	each(NET, open_link);
	begin("cpus ");
	put(text_of(CPUS "/online"));
	end();
	each(CPUS, see_cpu);
	each(NODES, see_node);
	each(PCI, see_function);
	get_addresses();
	begin("done");
	end();
	sys3(ioctl, console, TCSBRK, 1);
	if (power_off_wanted())
		sys3(reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_POWER_OFF);
	for (;;)
		sys3(poll, 0, 0, -1);
}
