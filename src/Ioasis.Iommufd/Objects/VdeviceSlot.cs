using Ioasis.Abi;

namespace Ioasis.Iommufd.Objects;

/// <summary>The vDEVICE of a bound device, which has at most one at a time.</summary>
/// <param name="group">The device's group. Its lock guards the fields.</param>
internal sealed class VdeviceSlot(IommufdGroup group)
{
    private Vdevice? _vdevice;
    private bool _isUnbinding;

    /// <summary>Registers the guest's ID of the device with a vIOMMU.</summary>
    /// <param name="create">Makes the object, while the group's lock is held.</param>
    /// <returns>
    /// ENOENT if the device is being unbound, EEXIST if it has a vDEVICE, or the error of <paramref name="create"/>.
    /// </returns>
    internal Errno Set(Func<(Errno, Vdevice?)> create)
    {
        using (group.Lock.Enter())
        {
            if (_isUnbinding) return Errno.ENOENT.Because("the device is being unbound");
            if (_vdevice is not null) return Errno.EEXIST.Because("the device is in a vIOMMU already");
            (Errno errno, _vdevice) = create();
            return errno;
        }
    }

    /// <summary>Removes the vDEVICE. Runs <paramref name="remove"/> while the group's lock is held.</summary>
    internal void Clear(Action remove)
    {
        using (group.Lock.Enter())
        {
            remove();
            _vdevice = null;
        }
    }

    /// <summary>
    /// The device is being unbound: removes a vDEVICE that the program has not destroyed before. The ID is not reused,
    /// because the program may still want to destroy it.
    /// </summary>
    internal void End(ObjectTable objects)
    {
        Vdevice? vdevice;
        using (group.Lock.Enter())
        {
            _isUnbinding = true;
            vdevice = _vdevice;
        }

        if (vdevice is null || objects.Entomb(vdevice)) return;

        // The program is destroying it at this moment; wait, because the device must outlive it.
        SpinWait wait = default;
        while (true)
        {
            using (group.Lock.Enter())
                if (_vdevice is null) return;
            wait.SpinOnce();
        }
    }
}
