using Ioasis.Memory;

namespace Ioasis.Iommufd.Objects;

/// <summary>
/// What the devices of one IOMMU group are attached to in one context (Linux: struct iommufd_group). The IOMMU cannot
/// keep them apart: all that are attached, with the same PASID or without one, are attached to the same HWPT.
/// </summary>
internal sealed class IommufdGroup
{
    /// <summary>
    /// Guards the attachments. Taken after an IOAS's HWPT lock and before its table's and the endpoints' locks.
    /// </summary>
    internal Lock Lock { get; } = new();

    /// <summary>How many devices of it are bound. Guarded by the context's lock.</summary>
    internal int Bound { get; set; }

    internal Dictionary<Key, Attachment> Attachments { get; } = [];

    /// <summary>Whether anything but requests without PASID is attached.</summary>
    internal bool HasPasids => Attachments.Count > (Attachments.ContainsKey(new Key(null)) ? 1 : 0);

    /// <summary>The PASID, or null for requests without one.</summary>
    internal readonly record struct Key(Pasid? Pasid);

    internal sealed class Attachment(Hwpt hwpt)
    {
        internal Hwpt Hwpt { get; set; } = hwpt;

        /// <summary>
        /// The devices that are attached, each with what it was attached by; with null where that is so in name only.
        /// </summary>
        internal Dictionary<IommufdDevice, Core.Endpoints.Attachment?> Devices { get; } = [];
    }
}
