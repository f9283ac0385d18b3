using Ioasis.Abi;
using Ioasis.Devices;
using Ioasis.Iommufd;
using Ioasis.Memory.Threads;
using Ioasis.Passthrough.Vfio;

namespace Ioasis.Passthrough.Mdev;

/// <summary>An mdev (Linux: struct mdev_device).</summary>
internal sealed class MdevDevice
{
    internal MdevDevice(Guid uuid, MdevParent parent, MdevParentType type)
    {
        (Uuid, Parent, Type) = (uuid, parent, type);
        Name = uuid.ToString("D");
        Directory = $"{parent.Directory}/{Name}";
    }

    /// <summary>Its name as a number.</summary>
    internal Guid Uuid { get; }

    /// <summary>Its name on the bus: the UUID in lower case.</summary>
    internal string Name { get; }

    /// <summary>Its directory, below the parent's.</summary>
    internal string Directory { get; }

    /// <summary>What it is a part of.</summary>
    internal MdevParent Parent { get; }

    /// <summary>Its type.</summary>
    internal MdevParentType Type { get; }

    /// <summary>What the type made.</summary>
    internal Devices.Mdev Model { get; set; } = null!;

    /// <summary>What programs drive; set once the machine shows it.</summary>
    internal VfioDevice Vfio { get; set; } = null!;

    /// <summary>Whether its driver has it. The bus's lock guards it, and all below.</summary>
    internal MdevDriverState Driver { get; set; }

    /// <summary>Whether it is being removed: it is waited for until its last file is closed.</summary>
    internal bool IsLeaving { get; set; }

    /// <summary>Whether its owner's data could not be erased, so that nobody gets what it has of its parent.</summary>
    internal bool IsKept { get; set; }

    /// <summary>Called when the driver has let it go.</summary>
    internal Action? Released { get; set; }

    /// <summary>Called when it is no more.</summary>
    internal Action? Gone { get; set; }

    /// <summary>What a program reads from an attribute; nothing if its author's code throws.</summary>
    internal string Show(MdevAttribute attribute)
    {
        try
        {
            return attribute.Show();
        }
        catch (Exception e)
        {
            HostMessages.Tell($"{Type.Name} {Name}: {attribute.Name}", e);
            return "";
        }
    }

    /// <summary>Takes what a program writes to an attribute; EIO if its author's code throws.</summary>
    internal Errno Store(MdevAttribute attribute, string text)
    {
        try
        {
            return attribute.Store!(text) ? Errno.None : Errno.EINVAL.Because("the attribute does not take this value");
        }
        catch (Exception e)
        {
            HostMessages.Tell($"{Type.Name} {Name}: {attribute.Name}", e);
            return Errno.EIO.Because("the device's driver failed");
        }
    }
}

/// <summary>
/// Whether the driver that created an mdev has it. One that was let go is not taken again, as on Linux.
/// </summary>
internal enum MdevDriverState : byte
{
    /// <summary>It has it.</summary>
    Bound,

    /// <summary>It lets it go as soon as its files are closed.</summary>
    Leaving,

    /// <summary>It has not.</summary>
    None,
}
