using Ioasis.Memory;
using Ioasis.Memory.Threads;

namespace Ioasis.Iommufd.Objects;

/// <summary>
/// The attachments of one IOMMU group's devices in one context (Linux: struct iommufd_group). The IOMMU cannot isolate
/// the devices, so all that are attached with the same PASID, or without one, are attached to the same HWPT.
/// </summary>
internal sealed class IommufdGroup
{
    /// <summary>
    /// Guards the attachments. Taken after an IOAS's HWPT lock and before its table's and the endpoints' locks.
    /// </summary>
    internal RankedLock Lock { get; } = new(LockRank.GroupAttachments);

    /// <summary>Number of its bound devices. The context's lock guards it.</summary>
    internal int Bound { get; set; }

    internal Dictionary<Key, Attachment> Attachments { get; } = [];

    /// <summary>Whether any PASID is attached.</summary>
    internal bool HasPasids => Attachments.Count > (Attachments.ContainsKey(new Key(null)) ? 1 : 0);

    /// <summary>The PASID, or null for requests without one.</summary>
    internal readonly record struct Key(Pasid? Pasid);

    internal sealed class Attachment(IommufdHwpt hwpt)
    {
        internal IommufdHwpt Hwpt { get; set; } = hwpt;

        /// <summary>The attached devices and their attachments; null for an attachment in name only.</summary>
        internal Dictionary<IommufdDevice, Core.Endpoints.Attachment?> Devices { get; } = [];
    }
}
