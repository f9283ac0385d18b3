using Ioasis.Linux.Memory;
using Ioasis.Memory;

namespace Ioasis.Bench;

/// <summary>
/// Memory in huge pages if the kernel has them, as a VMM requests for its guest. Otherwise the layout of the host's 4
/// KiB pages dominates the results. The C requests them too.
/// </summary>
internal static class HugePages
{
    private const int MADV_HUGEPAGE = 14, MADV_COLLAPSE = 25;

    internal static HostBlock AllocateInHugePages(this OwnAddressSpace memory, ulong length)
    {
        HostBlock block = memory.Allocate(length);
        SysMemory.Advise(block.Address, length, MADV_HUGEPAGE);
        SysMemory.Advise(block.Address, length, MADV_COLLAPSE); // it is populated already, with small pages
        return block;
    }
}
