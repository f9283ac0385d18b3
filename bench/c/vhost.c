/* SPDX-License-Identifier: MIT */
/*
 * Cost of a translation in DPDK's vhost library, which caches a front end's mappings in an "IOTLB". None of its calls
 * only translates, so two devices take the same packets from a ring. One has VIRTIO_F_ACCESS_PLATFORM, and its
 * descriptors have random IOVAs among mappings of 4 KiB. The other lacks it, and its descriptors have guest physical
 * addresses of as many pages. Every packet is a chain of descriptors, and each descriptor is one look-up; the rings'
 * own addresses are looked up once, before. The difference is the cost of an IOTLB look-up beyond that of the only
 * memory region, which replaces it in the other device. All else (packet buffers, rings, copies of 16 bytes) is in
 * both.
 * usage: vhost [MAPPINGS]      default 1024, at most 2047: the cache has 2048 entries, the rings take one, and one more
 *              evicts
 */
#include "common.h"
#include "vhost.h"
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <rte_eal.h>
#include <rte_mbuf.h>
#include <rte_vhost.h>
#include <sched.h>
#include <semaphore.h>

#define MOST 2047ul
#define DESCRIPTORS 32768ul /* the most that a ring may have: a long sequence, which no branch predictor learns */
#define CHAIN 32ul
#define PACKETS (DESCRIPTORS / CHAIN)
#define BURST 32u /* the library's limit per call */
#define PIECE 16ul
#define HEADER 12ul /* virtio_net_hdr_mrg_rxbuf, at the start of each packet */
#define RINGS (1ul << 20)
#define AVAIL (RINGS / 2)
#define USED (AVAIL + RINGS / 8)
#define PHYSICAL 0x100000000ul
#define IOVA 0x40000000ul
/* above all pages: the cache is a sorted list, and no look-up of a page should pass it */
#define IOVA_RINGS 0x7fff00000000ul
#define ROUNDS 150
#define ENOUGH 1e9 /* ns; if look-ups are slow, there are fewer rounds */

struct device {
    int vid;
    struct vring_avail *avail;
};

static char folder[] = "/tmp/ioasis-vhost-XXXXXX", path[sizeof(folder) + 8];
static sem_t is_ready;
static int ready_vid;
static uint64_t sequence[DESCRIPTORS]; /* places among the pages */
static struct rte_mempool *pool;

static void clean(void)
{
    unlink(path);
    rmdir(folder);
}

static int ready(int vid)
{
    ready_vid = vid;
    sem_post(&is_ready);
    return 0;
}

static void gone(int vid)
{
    (void)vid;
}

static const struct rte_vhost_device_ops events = {.new_device = ready, .destroy_device = gone};

static void listen_at_path(const char *program)
{
    /* DPDK binds its starting thread to one processor; leave the others free for it. */
    cpu_set_t processors;
    char one[16];
    sched_getaffinity(0, sizeof(processors), &processors);
    snprintf(one, sizeof(one), "%d", sched_getcpu());
    const char *options[] = {program, "-l", one, "-m", "64", "--no-huge", "--no-shconf", "--no-pci", "--no-telemetry",
        "--log-level=*:error"};
    require(rte_eal_init(sizeof(options) / sizeof(*options), (char **)options) >= 0, "DPDK does not start");
    sched_setaffinity(0, sizeof(processors), &processors);
    pool = rte_pktmbuf_pool_create("packets", 255, BURST, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    require(pool != NULL, "no buffers for packets");

    require(mkdtemp(folder) != NULL, "no temporary folder");
    snprintf(path, sizeof(path), "%s/socket", folder);
    atexit(clean);
    sem_init(&is_ready, 0, 0);
    require(!rte_vhost_driver_register(path, RTE_VHOST_USER_IOMMU_SUPPORT) &&
            !rte_vhost_driver_callback_register(path, &events) && !rte_vhost_driver_start(path),
        "DPDK's vhost library does not listen");
}

static void fill(uint8_t *memory, bool translated, uint64_t pages)
{
    struct vring_desc *descriptors = (void *)memory;
    struct vring_avail *avail = (void *)(memory + AVAIL);
    avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
    for (uint64_t at = 0; at < pages * PAGE; at += PIECE)
        *(uint64_t *)(memory + RINGS + at) = at;
    for (unsigned i = 0; i < DESCRIPTORS; i++) {
        uint64_t at = sequence[i], iova = IOVA + at / PAGE * 2 * PAGE + at % PAGE;
        bool last = i % CHAIN == CHAIN - 1;
        descriptors[i] = (struct vring_desc){.addr = translated ? iova : PHYSICAL + RINGS + at,
            .len = PIECE,
            .flags = last ? 0 : VRING_DESC_F_NEXT,
            .next = last ? 0 : i + 1};
        avail->ring[i] = i % PACKETS * CHAIN;
    }
}

static struct device start(bool translated, uint64_t pages)
{
    uint64_t size = RINGS + pages * PAGE,
             features = 1ull << VIRTIO_F_VERSION_1 | (translated ? 1ull << VIRTIO_F_ACCESS_PLATFORM : 0);
    int fd = memfd_create("vhost", MFD_CLOEXEC);
    require(fd >= 0 && !ftruncate(fd, size), "no memory");
    uint8_t *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    require(memory != MAP_FAILED, "no memory");
    fill(memory, translated, pages);
    int back_end = connect_to(path, features, PHYSICAL, memory, size, fd);
    close(fd);

    /* The device is not ready without queue 0, for packets to the guest: it gets the same rings, and no packet. */
    for (unsigned queue = 0; queue < 2; queue++)
        set_vring(back_end, SET_VRING_NUM, queue, DESCRIPTORS);
    if (translated)
        map(back_end, IOVA_RINGS, memory, RINGS);
    uint64_t at = translated ? IOVA_RINGS : (uintptr_t)memory;
    for (unsigned queue = 0; queue < 2; queue++) {
        struct message rings = {.request = SET_VRING_ADDR,
            .rings = {
                .index = queue, .desc_user_addr = at, .avail_user_addr = at + AVAIL, .used_user_addr = at + USED}};
        set_vring(back_end, SET_VRING_BASE, queue, 0);
        ask(back_end, &rings, sizeof(rings.rings), -1);
        set(back_end, SET_VRING_CALL, queue | NO_EVENT);
        set(back_end, SET_VRING_KICK, queue | NO_EVENT);
        set_vring(back_end, SET_VRING_ENABLE, queue, 1);
    }
    sem_wait(&is_ready);

    /*
     * A gap of a page between any two, so that they do not merge. Ascending, the best case for the list: its entries
     * are in order in memory.
     */
    for (uint64_t i = 0; i < pages && translated; i++)
        map(back_end, IOVA + i * 2 * PAGE, memory + RINGS + i * PAGE, PAGE);
    uint64_t negotiated;
    require(
        !rte_vhost_get_negotiated_features(ready_vid, &negotiated) && negotiated == (features | HAS_PROTOCOL_FEATURES),
        "the device is another");
    return (struct device){ready_vid, (void *)(memory + AVAIL)};
}

/*
 * Takes all packets of the ring; optionally checks that each descriptor led to the right place. Returns ns per
 * descriptor.
 */
static double take(struct device device, bool check)
{
    struct rte_mbuf *packets[BURST];
    double start = now();
    __atomic_store_n(&device.avail->idx, device.avail->idx + PACKETS, __ATOMIC_RELEASE);
    for (unsigned done = 0; done < PACKETS; done += BURST) {
        require(rte_vhost_dequeue_burst(device.vid, 1, pool, packets, BURST) == BURST, "a packet was not taken");
        for (unsigned i = 0; i < BURST && check; i++)
            for (unsigned piece = 1; piece < CHAIN; piece++) /* the header is in the first */
                require(*rte_pktmbuf_mtod_offset(packets[i], uint64_t *, piece * PIECE - HEADER) ==
                        sequence[(done + i) * CHAIN + piece],
                    "a packet has wrong contents");
        rte_pktmbuf_free_bulk(packets, BURST);
    }
    return (now() - start) / DESCRIPTORS;
}

int main(int argc, char **argv)
{
    uint64_t pages = argc > 1 ? strtoull(argv[1], NULL, 0) : 1024;
    require(pages >= 1 && pages <= MOST, "1 to 2047 mappings fit");
    listen_at_path(argv[0]);
    srand(1);
    for (unsigned i = 0; i < DESCRIPTORS; i++)
        sequence[i] = (uint64_t)rand() % pages * PAGE + (uint64_t)rand() % (PAGE / 64) * 64;
    struct device translated = start(true, pages), plain = start(false, pages);
    take(translated, true);
    take(plain, true);
    double with = 1e18, without = 1e18, begin = now();
    for (int round = 0; round < ROUNDS && now() - begin < ENOUGH; round++) {
        double first = take(translated, false), second = take(plain, false);
        with = first < with ? first : with;
        without = second < without ? second : without;
    }
    printf("%lu mappings\n", pages);
    printf("%-44s %6.2f ns\n", "a descriptor, translated", with);
    printf("%-44s %6.2f ns\n", "a descriptor, not translated", without);
    printf("%-44s %6.2f ns\n", "look-up in the vhost IOTLB", with - without);
    return 0;
}
