namespace Ioasis.Core.Domains;

/// <summary>What a paging domain must be able to do (linux/iommufd.h: enum iommufd_hwpt_alloc_flags).</summary>
[Flags]
public enum PagingDomainOptions
{
    /// <summary>Only what every domain does.</summary>
    None = 0,

    /// <summary>It can be the second stage below a user's first stage.</summary>
    NestParent = 1,

    /// <summary>It can record which pages were written.</summary>
    DirtyTracking = 2,

    /// <summary>It can be attached to PASIDs of a device.</summary>
    Pasid = 8,
}
