using Ioasis.Linux.Memory;
using Ioasis.Memory;

namespace Ioasis.Bench;

/// <summary>
/// Memory in huge pages where the kernel has them, as a VMM asks for its guest's. Without, what is measured is mostly
/// how the host's pages of 4 KiB happen to lie: the C asks as well.
/// </summary>
internal static class HugePages
{
    private const int MADV_HUGEPAGE = 14, MADV_COLLAPSE = 25;

    internal static HostBlock AllocateInHugePages(this OwnAddressSpace memory, ulong length)
    {
        HostBlock block = memory.Allocate(length);
        SysMemory.Advise(block.Address, length, MADV_HUGEPAGE);
        SysMemory.Advise(block.Address, length, MADV_COLLAPSE); // it is there already, in small ones
        return block;
    }
}
