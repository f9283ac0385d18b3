using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Iommufd;
using Ioasis.Iommufd.Files;
using Ioasis.Memory;
using Ioasis.Memory.Threads;
using Ioasis.Passthrough.Vdpa.Ioctls;
using Ioasis.Passthrough.Vdpa.Spaces;

namespace Ioasis.Passthrough.Vdpa;

/// <summary>An open /dev/vhost-vdpa-N, as programs call it (Linux: drivers/vhost/vdpa.c).</summary>
internal sealed class VhostVdpaFile : NodeFile
{
    // Linux's own number for what a driver cannot do (include/linux/errno.h), which no header for programs has.
    private const Errno ENOTSUPP = (Errno)524;

    private readonly VhostVdpaNode _node;
    private readonly Doorbells? _doorbells;
    private VdpaOwner? _owner; // set once, under the lock

    internal VhostVdpaFile(VhostVdpaNode node, ICarrier carrier)
    {
        _node = node;
        Spaces = new VdpaSpaces(Device, carrier);
        if (Device.DoorbellPoller is { } poller) _doorbells = new Doorbells(Device.Slot, carrier, poller);
    }

    /// <summary>
    /// Held during each ioctl and each message (Linux: vhost_dev.mutex). The caller's memory and files are not used
    /// meanwhile, but for memory that is being mapped.
    /// </summary>
    internal RankedLock Lock { get; } = new(LockRank.VhostFile);

    /// <summary>The device.</summary>
    internal VdpaDevice Device => _node.Device;

    /// <summary>The address spaces. The lock guards them.</summary>
    internal VdpaSpaces Spaces { get; }

    /// <summary>The owner; null while there is none.</summary>
    internal VdpaOwner? Owner => Volatile.Read(ref _owner);

    /// <summary>The backend features that the program has acknowledged.</summary>
    internal ulong BackendFeatures { get; set; }

    /// <summary>The features that the program set last; they outlive a reset (Linux: acked_features).</summary>
    internal ulong AckedFeatures { get; set; }

    /// <summary>Stored for the program (VHOST_SET_FORK_FROM_OWNER).</summary>
    internal byte ForkOwner { get; set; } = VhostH.VHOST_FORK_OWNER_TASK;

    /// <summary>Stored for the program, for each queue (VHOST_SET_VRING_BUSYLOOP_TIMEOUT).</summary>
    internal Dictionary<uint, uint> BusyLoopTimeouts { get; } = [];

    /// <summary>Whether a call comes from the owner's memory.</summary>
    internal bool IsOwner(ICaller caller) => Owner is { } owner && ReferenceEquals(owner.Memory, caller.Memory);

    /// <summary>The caller becomes the owner.</summary>
    /// <returns>EBUSY if there is an owner; why its memory cannot be given to the device.</returns>
    internal Errno SetOwner(VdpaOwner owner)
    {
        if (_owner is not null) return Errno.EBUSY.Because("the file has an owner already");
        Errno errno = Spaces.BindOwner(owner);
        if (errno == Errno.None) Volatile.Write(ref _owner, owner);
        return errno;
    }

    /// <inheritdoc/>
    public override SysResult Ioctl(ICaller caller, uint command, ulong argument)
    {
        ArgumentNullException.ThrowIfNull(caller);
        return VdpaIoctls.Execute(this, caller, command, argument);
    }

    /// <inheritdoc/>
    public override IoctlShape? ShapeOf(uint command) => VdpaIoctls.ShapeOf(command);

    /// <inheritdoc/>
    public override string Describe(ICaller caller, uint command, ulong argument) =>
        VdpaIoctls.Table.TryGetValue(command, out VdpaIoctl? ioctl)
            ? ioctl.Name
            : base.Describe(caller, command, argument);

    /// <summary>
    /// write(2) of a message of the IOTLB (Linux: vhost_chr_write_iter). All that is wrong with its content is EFAULT.
    /// </summary>
    /// <returns>The size of a whole message, also for a shorter or longer one.</returns>
    public override SysResult WriteMessage(ICaller caller, ulong buffer, ulong count)
    {
        ArgumentNullException.ThrowIfNull(caller);
        const int needed = 40; // up to the end of what a message can say
        Span<byte> bytes = stackalloc byte[needed];
        if (count < needed || !caller.Memory.TryRead(new Hva(buffer), bytes))
            return Errno.EINVAL.Because(
                $"a message has at least {needed} bytes; {count} were written, or they cannot be read");
        int layout = MemoryMarshal.Read<int>(bytes);
        if (layout is not (VhostH.VHOST_IOTLB_MSG or VhostH.VHOST_IOTLB_MSG_V2))
            return Errno.EINVAL.Because($"layout {layout} is neither VHOST_IOTLB_MSG nor VHOST_IOTLB_MSG_V2");
        var message = MemoryMarshal.Read<VhostIotlbMsg>(bytes[8..]);
        if (message is { Type: VhostH.VHOST_IOTLB_UPDATE, Size: 0 })
            return Errno.EINVAL.Because("the size of the update is 0");
        using (Lock.Enter())
        {
            bool hasAsid = layout == VhostH.VHOST_IOTLB_MSG_V2
                && (BackendFeatures >> VhostH.VHOST_BACKEND_F_IOTLB_ASID & 1) != 0;
            uint asid = hasAsid ? MemoryMarshal.Read<uint>(bytes[4..]) : 0;
            if (!IsOwner(caller))
                return Errno.EFAULT.Because("the caller is not the file's owner; VHOST_SET_OWNER makes one");
            Errno errno = Spaces.Process(asid, in message, Owner!);
            return errno == Errno.None ? SysResult.Ok(Marshal.SizeOf<VhostMsgV2>()) : Errno.EFAULT.As(errno);
        }
    }

    /// <summary>
    /// mmap(2) of a queue's doorbell, in the page with the queue's number (Linux: vhost_vdpa_mmap). 524 for a device
    /// without doorbells.
    /// </summary>
    public override Errno Map(
        ulong offset, ulong length, bool shared, bool readable, bool writable, bool executable)
    {
        ulong queue = offset / Doorbells.PageSize;
        if (length != Doorbells.PageSize || !shared || readable || queue > ushort.MaxValue)
            return Errno.EINVAL.Because("a doorbell is mapped as one page, MAP_SHARED and without PROT_READ");
        return _doorbells?.Map(queue) ?? ENOTSUPP.Because("the device has no doorbells");
    }

    /// <inheritdoc/>
    public override void Close()
    {
        _doorbells?.Close();
        Device.Events.ClearKicks();
        Device.Reset();
        Device.Events.Clear();
        Spaces.Close(Owner);
        _node.Closed();
    }
}
