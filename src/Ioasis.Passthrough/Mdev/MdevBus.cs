using Ioasis.Abi;
using Ioasis.Devices;
using Ioasis.Memory.Threads;

namespace Ioasis.Passthrough.Mdev;

/// <summary>
/// The parents of mdevs and the mdevs: creates and removes them as programs ask by sysfs (Linux: drivers/vfio/mdev).
/// </summary>
/// <param name="host">The machine.</param>
internal sealed class MdevBus(IMdevHost host)
{
    // Guards the lists, the counts of parents, and calls to types. Taken before the machine's lock.
    private readonly RankedLock _lock = new(LockRank.MdevBus);
    private readonly Dictionary<Guid, MdevDevice> _byUuid = []; // of all parents, those that leave as well
    private volatile MdevParent[] _parents = [];

    /// <summary>The parents.</summary>
    internal IReadOnlyList<MdevParent> Parents => _parents;

    /// <summary>A device offers types from now on.</summary>
    internal void Add(MdevParent parent)
    {
        using (_lock.Enter()) _parents = [.. _parents, parent];
    }

    /// <summary>How many more mdevs of a type can be created now. Another program may be faster.</summary>
    internal int AvailableOf(MdevParent parent, MdevParentType type)
    {
        using (_lock.Enter()) return type.Type.Available ?? parent.Free;
    }

    /// <summary>Creates an mdev (Linux: mdev_device_create).</summary>
    /// <returns>
    /// EEXIST for a UUID that any parent has, before anything else; EUSERS when the host's count of the parent is used
    /// up; else what the type says: ENOSPC when it counts by itself.
    /// </returns>
    internal Errno Create(MdevParent parent, MdevParentType type, Guid uuid)
    {
        using (_lock.Enter())
        {
            if (_byUuid.ContainsKey(uuid)) return Errno.EEXIST;
            bool isCounted = type.Type.Available is null;
            if (isCounted && parent.Free == 0) return Errno.EUSERS;
            Errno errno = CreateModel(type, uuid, out Devices.Mdev? model);
            if (errno != Errno.None) return errno;
            var device = new MdevDevice(uuid, parent, type) { Model = model! };
            _byUuid.Add(uuid, device);
            if (isCounted) parent.Free--;
            try
            {
                errno = host.Add(device);
            }
            catch (ArgumentException e) // the type's author broke a rule
            {
                HostMessages.Tell($"{type.Name} {uuid}", e);
                errno = Errno.EINVAL;
            }

            if (errno != Errno.None) Forget(device);
            return errno;
        }
    }

    /// <summary>
    /// Removes an mdev: nobody finds it any more, whoever has it open is asked to close it, and when its last file is
    /// closed it is no more (Linux: mdev_device_remove).
    /// </summary>
    /// <param name="device">The mdev.</param>
    /// <param name="answer">Called once: with EAGAIN at once when it is being removed; else when it is gone.</param>
    internal void Remove(MdevDevice device, Action<Errno> answer)
    {
        bool isFirst;
        using (_lock.Enter())
        {
            isFirst = !device.IsLeaving;
            device.IsLeaving = true;
            if (isFirst) host.Hide(device);
        }

        if (!isFirst) answer(Errno.EAGAIN);
        else device.Vfio.Remove(() => Left(device, answer));
    }

    // Called when the last of its files is closed.
    private void Left(MdevDevice device, Action<Errno> answer)
    {
        host.Remove(device);
        using (_lock.Enter()) Forget(device);
        answer(Errno.None);
    }

    /// <summary>An mdev whose VFIO device is gone gives back its name and what it has of its parent.</summary>
    private void Forget(MdevDevice device)
    {
        _byUuid.Remove(device.Uuid);
        if (device.Type.Type.Available is null) device.Parent.Free++;
        try
        {
            device.Model.Remove();
        }
        catch (Exception e)
        {
            HostMessages.Tell($"{device.Type.Name} {device.Name}: Remove", e);
        }
    }

    private static Errno CreateModel(MdevParentType type, Guid uuid, out Devices.Mdev? model)
    {
        try
        {
            return ErrnoOf(type.Type.Create(uuid, out model));
        }
        catch (Exception e)
        {
            HostMessages.Tell($"{type.Name} {uuid}: Create", e);
            model = null;
            return Errno.EIO;
        }
    }

    private static Errno ErrnoOf(MdevStatus status) => status switch
    {
        MdevStatus.Ok => Errno.None,
        MdevStatus.NoneLeft => Errno.ENOSPC,
        MdevStatus.Busy => Errno.EBUSY,
        MdevStatus.NoMemory => Errno.ENOMEM,
        _ => Errno.EOPNOTSUPP,
    };
}
