using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Iommufd;
using Ioasis.Iommufd.Files;
using Ioasis.Memory;
using static Ioasis.Abi.VhostH;

namespace Ioasis.Passthrough.Vdpa.Ioctls;

/// <summary>The ioctls of vhost's core that are about the owner (Linux: vhost_dev_ioctl).</summary>
internal static class OwnerIoctls
{
    private const uint MaxRegions = 64; // Linux: max_mem_regions of vhost
    private const ulong TaskSize = 0x7fff_ffff_f000; // the end of a process's addresses on x86-64

    /// <summary>The caller's memory becomes the owner, once.</summary>
    internal static Errno SetOwner(ref VdpaCall call) => call.File.SetOwner(new VdpaOwner(call.Caller));

    /// <summary>Stored for the program; no device has workers.</summary>
    internal static Errno SetForkFromOwner(ref VdpaCall call)
    {
        if (call.File.Owner is not null) return Errno.EBUSY.Because("the file has an owner; this is set before");
        if (!call.IsRead) return Errno.EFAULT.Because("the argument cannot be read");
        byte kind = call.Read<byte>();
        if (kind is not (VHOST_FORK_OWNER_TASK or VHOST_FORK_OWNER_KTHREAD))
            return Errno.EINVAL.Because($"{kind} is neither VHOST_FORK_OWNER_TASK nor VHOST_FORK_OWNER_KTHREAD");
        call.File.ForkOwner = kind;
        return Errno.None;
    }

    internal static Errno GetForkFromOwner(ref VdpaCall call) => call.Return(call.File.ForkOwner);

    /// <summary>
    /// A table of guest memory, which no device uses: it is only judged. Called without the file's lock, as it reads
    /// more than a structure.
    /// </summary>
    internal static Errno SetMemTable(VhostVdpaFile file, ICaller caller, ulong argument)
    {
        if (!file.IsOwner(caller))
            return Errno.EPERM.Because("the caller is not the file's owner; VHOST_SET_OWNER makes one");
        int header = Marshal.SizeOf<VhostMemory>(), size = Marshal.SizeOf<VhostMemoryRegion>();
        Span<byte> bytes = stackalloc byte[Math.Max(header, size)];
        if (!caller.Memory.TryRead(new Hva(argument), bytes[..header])) return UserFault.Read(argument, (uint)header);
        var memory = MemoryMarshal.Read<VhostMemory>(bytes);
        if (memory.Padding != 0) return Errno.EOPNOTSUPP.Because("the padding is not 0");
        if (memory.Nregions > MaxRegions)
            return Errno.E2BIG.Because($"the table has {memory.Nregions} regions; it can have {MaxRegions}");
        for (uint i = 0; i < memory.Nregions; i++)
        {
            var at = new Hva(unchecked(argument + (uint)header + (i * (uint)size)));
            if (!caller.Memory.TryRead(at, bytes[..size])) return UserFault.Read(at.Value, (uint)size);
            var region = MemoryMarshal.Read<VhostMemoryRegion>(bytes);
            bool isRange = region.MemorySize != 0
                && region.MemorySize - 1 <= ulong.MaxValue - region.GuestPhysAddr
                && region.MemorySize <= TaskSize && region.UserspaceAddr <= TaskSize - region.MemorySize;
            if (!isRange) return Errno.EFAULT.Because($"region {i} is empty, or does not fit into its address space");
        }

        return Errno.None;
    }
}
