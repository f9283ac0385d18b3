using Ioasis.Abi;

namespace Ioasis.Passthrough.Mdev;

/// <summary>
/// The machine that a bus of mdevs is in: it shows them to programs, and makes VFIO devices of them. The bus calls it
/// with its lock held, but for <see cref="Remove"/>.
/// </summary>
internal interface IMdevHost
{
    /// <summary>Whether a parent can have mdevs: not while its driver lets it go.</summary>
    bool IsThere(MdevParent parent);

    /// <summary>Makes the VFIO device of an mdev and shows both to programs, the whole tree at once.</summary>
    /// <param name="device">The mdev; its <see cref="MdevDevice.Vfio"/> is set on success.</param>
    /// <returns>Why that is not possible; nothing has changed then.</returns>
    Errno Add(MdevDevice device);

    /// <summary>
    /// The driver begins to let an mdev go: no path leads to its VFIO device any more. Its group stays.
    /// </summary>
    void Release(MdevDevice device);

    /// <summary>An mdev begins to go: no path leads to it any more.</summary>
    void Hide(MdevDevice device);

    /// <summary>An mdev's files are closed: its VFIO device and its group are no more.</summary>
    void Remove(MdevDevice device);
}
