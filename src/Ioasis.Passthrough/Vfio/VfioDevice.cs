using Ioasis.Abi;
using Ioasis.Iommufd;
using Ioasis.Iommufd.Files;
using Ioasis.Memory.Threads;

namespace Ioasis.Passthrough.Vfio;

/// <summary>
/// A device that programs drive through its own node or its group's (Linux: struct vfio_device): its files, its
/// binding, its group and the ioctls that all devices have. What kind of device it is, a PCI function or something
/// else, is behind <see cref="IVfioDeviceOps"/>. It is open any number of times and bound through one of its files at a
/// time.
/// </summary>
internal sealed partial class VfioDevice : INode
{
    // Guards how many files are open, and whether the device is being removed. Innermost.
    private readonly RankedLock _registration = new(LockRank.VfioRegistration);
    private int _files;
    private bool _removed;
    private Action? _unused;

    /// <summary>Makes a device, which has no group yet: <see cref="VfioRegistry"/> gives it one.</summary>
    /// <param name="ops">What it does by itself.</param>
    /// <param name="number">The numbers of its node.</param>
    internal VfioDevice(IVfioDeviceOps ops, (uint Major, uint Minor) number)
    {
        Ops = ops;
        (Major, Minor) = number;
        Path = $"/dev/vfio/devices/vfio{Minor}";
    }

    /// <inheritdoc/>
    public string Path { get; }

    /// <inheritdoc/>
    public uint Major { get; }

    /// <inheritdoc/>
    public uint Minor { get; }

    /// <inheritdoc/>
    public uint Mode => 0x1b0; // 0660

    /// <inheritdoc/>
    public object Exclusion => (object?)Group ?? this;

    /// <summary>What it does by itself.</summary>
    internal IVfioDeviceOps Ops { get; }

    /// <summary>Its group; null for a device that has only its node.</summary>
    internal VfioGroup? Group { get; set; }

    /// <summary>Whether it is being taken from programs.</summary>
    internal bool IsRemoved
    {
        get { using (_registration.Enter()) return _removed; }
    }

    /// <inheritdoc/>
    public Errno Open(ICarrier carrier, out NodeFile? file)
    {
        Errno errno = AddFile();
        file = errno == Errno.None ? new VfioDeviceFile(this, carrier) : null;
        return errno;
    }

    /// <summary>
    /// Takes the device from programs (Linux: vfio_unregister_group_dev): no file of it is opened any more, and a
    /// program that has it is asked to close it.
    /// </summary>
    /// <param name="unused">Called once, when the last file is closed, perhaps before this returns.</param>
    internal void Remove(Action unused)
    {
        bool isUnused;
        using (_registration.Enter())
        {
            _removed = true;
            isUnused = _files == 0;
            if (!isUnused) _unused += unused;
        }

        if (isUnused) unused();
        else Ops.RequestRelease();
    }

    /// <summary>
    /// Takes the device from programs as <see cref="Remove"/> does, unless one has a file of it open.
    /// </summary>
    internal bool TryRemove()
    {
        using (_registration.Enter())
        {
            if (_removed || _files != 0) return false;
            _removed = true;
            return true;
        }
    }

    /// <summary>Programs can have the device again after it was removed and its files were closed.</summary>
    internal void Restore()
    {
        using (_registration.Enter()) _removed = false;
    }

    /// <summary>A file of the device is to be opened; <see cref="RemoveFile"/> when it is closed.</summary>
    internal Errno AddFile()
    {
        using (_registration.Enter())
        {
            if (_removed) return Errno.ENODEV.Because("the device is being removed");
            _files++;
            return Errno.None;
        }
    }

    internal void RemoveFile()
    {
        Action? unused = null;
        using (_registration.Enter())
            if (--_files == 0) (unused, _unused) = (_unused, null);
        unused?.Invoke();
    }
}
