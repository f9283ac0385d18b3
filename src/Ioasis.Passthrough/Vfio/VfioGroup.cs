using Ioasis.Abi;
using Ioasis.Core.Endpoints;
using Ioasis.Iommufd;
using Ioasis.Iommufd.Files;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory.Threads;

namespace Ioasis.Passthrough.Vfio;

/// <summary>
/// The devices of an IOMMU group as programs took them before each had a node (Linux: struct vfio_group): the group is
/// opened once at a time, gets a container, here always an iommufd context, and hands out its devices, attached to that
/// context's compatibility IOAS. While it is open no device of it can be bound through its own node, and the other way
/// round.
/// </summary>
internal sealed class VfioGroup : INode
{
    // Guards what follows. Taken before a device's lock for bindings.
    private readonly RankedLock _lock = new(LockRank.VfioGroup);
    private readonly IommuGroup _group;
    private IommufdContext? _context;
    private int _boundByNode;
    private int _handedOut; // devices that keep the group's file open
    private bool _open;

    // Guards how often a device was opened or closed by the group, and is pulsed then.
    private readonly RankedMonitor _changed = new(LockRank.VfioGroupChanges);
    private int _changes;

    internal VfioGroup(IommuGroup group, uint major, uint minor)
    {
        _group = group;
        Major = major;
        Minor = minor;
        Path = $"/dev/vfio/{group.Id}";
    }

    /// <inheritdoc/>
    public string Path { get; }

    /// <summary>Its number below /sys/kernel/iommu_groups.</summary>
    public int Id => _group.Id;

    /// <summary>What the group says it is; null for nothing.</summary>
    internal string? Name => _group.Name;

    /// <inheritdoc/>
    public uint Major { get; }

    /// <inheritdoc/>
    public uint Minor { get; }

    /// <inheritdoc/>
    public uint Mode => 0x1b0; // 0660

    /// <summary>Its devices, in the order in which they were plugged in.</summary>
    internal IReadOnlyList<VfioDevice> Devices { get; private set; } = [];

    /// <summary>Whether its last device was removed: a file of it that is still open is of no use.</summary>
    internal bool IsGone => Devices.Count == 0;

    /// <inheritdoc/>
    public Errno Open(ICarrier carrier, out NodeFile? file)
    {
        file = null;
        using (_lock.Enter())
        {
            if (IsGone) return Errno.ENODEV.Because("the group's device is gone");
            if (IsOpen || _boundByNode != 0)
                return Errno.EBUSY.Because("the group is open, or its device is bound through its own node");
            _open = true;
            file = new VfioGroupFile(this);
            return Errno.None;
        }
    }

    internal void Add(VfioDevice device) => Devices = [.. Devices, device];

    /// <summary>A device is no more; true when it was the last.</summary>
    internal bool Remove(VfioDevice device)
    {
        using (_lock.Enter())
        {
            Devices = [.. Devices.Where(d => d != device)];
            return IsGone;
        }
    }

    /// <summary>A device is to be bound through its own node; <see cref="Unblock"/> when it is so no more.</summary>
    internal Errno Block()
    {
        using (_lock.Enter())
        {
            if (IsOpen) return Errno.EBUSY.Because("the group of the device is open");
            _boundByNode++;
            return Errno.None;
        }
    }

    internal void Unblock()
    {
        using (_lock.Enter()) _boundByNode--;
    }

    /// <summary>VFIO_GROUP_FLAGS_*.</summary>
    internal uint Status
    {
        get
        {
            using (_lock.Enter())
            {
                return _context is not null ? VfioH.VFIO_GROUP_FLAGS_CONTAINER_SET | VfioH.VFIO_GROUP_FLAGS_VIABLE
                    : _group.IsClaimed ? 0 : VfioH.VFIO_GROUP_FLAGS_VIABLE;
            }
        }
    }

    /// <summary>The group's devices are to use a context, which gets a compatibility IOAS if it has none.</summary>
    internal Errno SetContainer(IOpenFile file)
    {
        using (_lock.Enter())
        {
            if (_context is not null) return Errno.EINVAL.Because("the group has a container already");
            if (IsGone) return Errno.ENODEV.Because("the group's device is gone");
            if (file is not IommufdContext context)
                return Errno.EBADFD.Because("the descriptor is neither an open /dev/iommu nor an open /dev/vfio/vfio");
            context.EnsureCompatIoas();
            if (context.IsVfioContainer)
            {
                Errno errno = context.ReserveFor(_group.Endpoints, this);
                if (errno != Errno.None) return errno;
            }

            context.AddReference();
            _context = context;
            return Errno.None;
        }
    }

    /// <summary>Lets the context go; the devices that were handed out keep it.</summary>
    internal Errno UnsetContainer()
    {
        IommufdContext? context;
        using (_lock.Enter()) (context, _context) = (_context, null);
        if (context is null) return Errno.EINVAL.Because("the group has no container");
        if (context.IsVfioContainer) context.UnreserveFor(this);
        context.Release();
        return Errno.None;
    }

    /// <summary>
    /// Binds a device to the group's context and attaches it to the compatibility IOAS (Linux: vfio_df_group_open).
    /// </summary>
    internal Errno OpenDevice(VfioDevice device, ICarrier carrier, out NodeFile? file)
    {
        file = null;
        Errno errno = device.AddFile();
        if (errno != Errno.None) return errno;
        var opened = new VfioDeviceFile(device, carrier, this);
        using (_lock.Enter())
        {
            errno = _context is null
                ? Errno.EINVAL.Because("the group has no container; VFIO_GROUP_SET_CONTAINER sets one")
                : device.BindAndAttach(opened, _context);
            // As on Linux: with VFIO's own container a device keeps the group's file open, with an iommufd in its place
            // it does not.
            opened.KeepsGroupOpen = errno == Errno.None && _context!.IsVfioContainer;
            if (opened.KeepsGroupOpen) _handedOut++;
        }

        if (errno != Errno.None)
        {
            device.RemoveFile();
            return errno;
        }

        opened.IsGranted = true;
        NoteChange();
        file = opened;
        return Errno.None;
    }

    /// <summary>
    /// The open file of a device that was handed out, of which Linux gives further ones; null where it is to be opened.
    /// </summary>
    /// <returns>EINVAL without a container; ENODEV when the device is to go.</returns>
    internal Errno FindOpen(VfioDevice device, out VfioDeviceFile? file)
    {
        file = null;
        using (_lock.Enter())
            if (_context is null) return Errno.EINVAL.Because("the group has no container");
        if (device.IsRemoved) return Errno.ENODEV.Because("the device is being removed");
        file = device.FileOfGroup;
        return Errno.None;
    }

    /// <summary>How often a device was opened or closed by the group.</summary>
    internal int Changes
    {
        get { using (_changed.Enter()) return _changes; }
    }

    /// <summary>Waits until a device is opened or closed by the group.</summary>
    /// <param name="since">From <see cref="Changes"/>.</param>
    /// <param name="longest">How long it waits at most.</param>
    internal void AwaitChange(int since, TimeSpan longest)
    {
        using (_changed.Enter())
            if (_changes == since) _changed.Wait(longest);
    }

    /// <summary>A device was opened or closed by the group.</summary>
    internal void NoteChange()
    {
        using (_changed.Enter())
        {
            _changes++;
            _changed.PulseAll();
        }
    }

    /// <summary>A device that kept the group's file open is closed.</summary>
    internal void TakeBack()
    {
        using (_lock.Enter()) _handedOut--;
    }

    internal void Close()
    {
        UnsetContainer();
        using (_lock.Enter()) _open = false;
    }

    private bool IsOpen => _open || _handedOut != 0;
}
