namespace Ioasis.Devices;

/// <summary>
/// A type of mdevs that a parent offers (Linux: struct mdev_type). A type that hands out parts of its parent is made by
/// the parent's model and keeps a reference to it. The host makes one call at a time for all types of a parent.
/// </summary>
public abstract class MdevType
{
    /// <summary>
    /// What follows the parent's name and a dash in the type's directory: <c>1ch</c> of <c>dmatest-1ch</c>. Letters,
    /// digits and dashes.
    /// </summary>
    public abstract string Name { get; }

    /// <summary>What the attribute <c>name</c> shows; null for the name of the directory.</summary>
    public virtual string? DisplayName => null;

    /// <summary>What the attribute <c>description</c> shows; null for no such attribute.</summary>
    public virtual string? Description => null;

    /// <summary>What the attribute <c>device_api</c> shows: how a program drives the mdev.</summary>
    public virtual string DeviceApi => "vfio-pci";

    /// <summary>
    /// How many more mdevs of the type can be created now. Null: the host counts, up to
    /// <see cref="IMdevParent.MaxMdevs"/>.
    /// </summary>
    public virtual int? Available => null;

    /// <summary>Creates an mdev, and takes what it needs of the parent (Linux: probe of struct mdev_driver).</summary>
    /// <param name="uuid">Its name.</param>
    /// <param name="mdev">The mdev, if the answer is <see cref="MdevStatus.Ok"/>: a <see cref="PciMdev"/> or an
    /// <see cref="EmulatedMdev"/>. The host calls <see cref="Mdev.Remove"/> once when it goes.</param>
    /// <returns>Why there is none; nothing has changed then.</returns>
    public abstract MdevStatus Create(Guid uuid, out Mdev? mdev);
}

/// <summary>Whether an mdev was created.</summary>
public enum MdevStatus
{
    /// <summary>It was.</summary>
    Ok,

    /// <summary>The parent has no instance of the type left (ENOSPC).</summary>
    NoneLeft,

    /// <summary>What it needs of the parent is in use (EBUSY).</summary>
    Busy,

    /// <summary>The parent cannot do this as it is set up (EOPNOTSUPP).</summary>
    NotSupported,

    /// <summary>No memory, or no thread (ENOMEM).</summary>
    NoMemory,
}
