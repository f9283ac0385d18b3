using Ioasis.Abi;
using Ioasis.Devices;
using Ioasis.Iommufd;
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
    /// up; ENODEV while the parent leaves; else what the type says: ENOSPC when it counts by itself.
    /// </returns>
    internal Errno Create(MdevParent parent, MdevParentType type, Guid uuid)
    {
        using (_lock.Enter())
        {
            if (_byUuid.ContainsKey(uuid))
                return Errno.EEXIST.Because($"an mdev of this UUID, {uuid}, is there already");
            bool isCounted = type.Type.Available is null;
            if (isCounted && parent.Free == 0) return Errno.EUSERS.Because("the parent has no room for a further mdev");
            if (!host.IsThere(parent)) return Errno.ENODEV.Because("the parent is gone");
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
                errno = Errno.EINVAL.Because("the parent's driver made an invalid mdev");
            }

            if (errno != Errno.None)
            {
                Forget(device);
                RemoveModel(device);
            }

            return errno;
        }
    }

    /// <summary>
    /// Removes an mdev: nobody finds it any more, whoever has it open is asked to close it, and when its last file is
    /// closed it is no more (Linux: mdev_device_remove).
    /// </summary>
    /// <param name="device">The mdev.</param>
    /// <param name="answer">Called once: with EAGAIN at once when it is being removed; else when it is gone.</param>
    internal void Remove(MdevDevice device, Action<Errno> answer) =>
        Remove(device, answer, () => Released(device, static () => { }));

    private void Remove(MdevDevice device, Action<Errno> answer, Action released)
    {
        bool isFirst, isBound = false, isReleased = false;
        using (_lock.Enter())
        {
            isFirst = !device.IsLeaving;
            device.IsLeaving = true;
            if (isFirst)
            {
                host.Hide(device);
                isBound = device.Driver == MdevDriverState.Bound;
                isReleased = device.Driver == MdevDriverState.None;
                if (isBound) device.Driver = MdevDriverState.Leaving;
                if (!isReleased) device.Released = () => Forget(device, answer);
            }
        }

        if (!isFirst) answer(Errno.EAGAIN.Because("the mdev is being removed"));
        else if (isBound) device.Vfio.Remove(released);
        else if (isReleased) Forget(device, answer);
    }

    /// <summary>Removes all mdevs of a parent (Linux: mdev_unregister_parent). Does not wait.</summary>
    /// <param name="parent">The parent.</param>
    /// <param name="done">Called once, when there are none any more, perhaps before this returns.</param>
    internal void RemoveAll(MdevParent parent, Action done)
    {
        MdevDevice[] devices;
        int left = 1;
        using (_lock.Enter())
        {
            devices = [.. _byUuid.Values.Where(device => device.Parent == parent)];
            foreach (MdevDevice device in devices) device.Gone += One;
            left += devices.Length;
        }

        foreach (MdevDevice device in devices) Remove(device, static _ => { }, () => ReleasedSoon(device));
        One();

        void One()
        {
            if (Interlocked.Decrement(ref left) == 0) done();
        }
    }

    /// <summary>
    /// The driver lets an mdev go: its VFIO device is no more when its last file is closed, and the mdev stays (Linux:
    /// unbind_store, vfio_unregister_group_dev).
    /// </summary>
    /// <param name="driver">The driver's name.</param>
    /// <param name="name">The mdev's.</param>
    /// <param name="answer">Called once: with ENODEV at once if the driver has no such mdev; else when it let it go.
    /// </param>
    internal void Unbind(string driver, string name, Action<Errno> answer)
    {
        MdevDevice? device;
        using (_lock.Enter())
        {
            device = _byUuid.Values.FirstOrDefault(d => d.Name == name && d.Parent.Driver == driver
                && !d.IsLeaving && d.Driver == MdevDriverState.Bound);
            if (device is not null)
            {
                device.Driver = MdevDriverState.Leaving;
                host.Release(device);
            }
        }

        if (device is null) answer(Errno.ENODEV.Because("the mdev is gone"));
        else device.Vfio.Remove(() => Released(device, () => answer(Errno.None)));
    }

    // Called when the last of its files is closed.
    private void Released(MdevDevice device, Action done)
    {
        host.Remove(device);
        Erase(device, done);
    }

    // The same for a caller that must not wait.
    private void ReleasedSoon(MdevDevice device)
    {
        host.Remove(device);
        if (!device.Model.KeepsData) Erase(device, static () => { });
        else ThreadPool.UnsafeQueueUserWorkItem(_ => Erase(device, static () => { }), null);
    }

    // Takes its time, so no lock is held.
    private void Erase(MdevDevice device, Action done)
    {
        bool isErased = TryErase(device);
        Action? released;
        using (_lock.Enter())
        {
            device.Driver = MdevDriverState.None;
            device.IsKept = !isErased;
            if (isErased) RemoveModel(device);
            released = device.Released;
        }

        done();
        released?.Invoke();
    }

    /// <summary>
    /// An mdev that its driver let go is no more: its name is free, and the host's count of its parent.
    /// </summary>
    private void Forget(MdevDevice device, Action<Errno> answer)
    {
        Action? gone;
        using (_lock.Enter())
        {
            Forget(device);
            gone = device.Gone;
        }

        answer(Errno.None);
        gone?.Invoke();
    }

    private void Forget(MdevDevice device)
    {
        _byUuid.Remove(device.Uuid);
        if (device.Type.Type.Available is null && !device.IsKept) device.Parent.Free++;
    }

    private static bool TryErase(MdevDevice device)
    {
        try
        {
            device.Model.Erase();
            return true;
        }
        catch (Exception e)
        {
            HostMessages.Tell($"{device.Type.Name} {device.Name}: Erase", e);
            return false;
        }
    }

    /// <summary>What an mdev has of its parent is free again.</summary>
    private static void RemoveModel(MdevDevice device)
    {
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
            return Errno.EIO.Because("the parent's driver failed");
        }
    }

    private static Errno ErrnoOf(MdevStatus status) => status switch
    {
        MdevStatus.Ok => Errno.None,
        MdevStatus.NoneLeft => Errno.ENOSPC.Because("the parent has no part left for a further mdev"),
        MdevStatus.Busy => Errno.EBUSY.Because("the parent is busy"),
        MdevStatus.NoMemory => Errno.ENOMEM.Because("the parent has no memory for a further mdev"),
        _ => Errno.EOPNOTSUPP.Because("the parent cannot make such an mdev"),
    };
}
