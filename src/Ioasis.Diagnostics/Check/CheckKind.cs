namespace Ioasis.Diagnostics.Check;

/// <summary>A kind of finding. Reports, suppressions and options use its name.</summary>
/// <param name="Name">Its name.</param>
/// <param name="IsOn">Whether it is looked for unless the options say otherwise.</param>
/// <param name="Meaning">What the program did, in a sentence.</param>
public sealed record CheckKind(string Name, bool IsOn, string Meaning)
{
    internal static readonly CheckKind
        DmaUnmapped = new("dma-unmapped", true, "A device accessed an address that was not mapped."),
        DmaAfterUnmap = new("dma-after-unmap", true, "A device accessed an address after its mapping was taken out."),
        DmaNotAttached = new("dma-not-attached", true, "A device made DMA without an attached page table."),
        DmaAfterDetach = new("dma-after-detach", true, "A device made DMA after its page table was detached."),
        DmaNoPermission = new("dma-no-permission", true, "A device accessed memory against the mapping's permission."),
        DmaIntoFreedMemory = new("dma-into-freed-memory", true,
            "A device accessed memory that its program had freed while it was mapped."),
        DmaNoBusMaster = new("dma-no-bus-master", true, "A device made DMA while bus mastering was off."),
        BadFirstStage = new("bad-first-stage", true, "A device was translated by a malformed first stage."),
        IgnoredErrno = new("ignored-errno", true, "A device accessed an address whose mapping had been refused."),
        UnmapInFlight = new("unmap-in-flight", true, "Memory was unmapped while a device was accessing it."),
        DetachInFlight = new("detach-in-flight", true, "A page table was detached while a device was using it."),
        DrainOrder = new("drain-order", true,
            "A device was stopped only after what it used had been unmapped or detached."),
        ResetInFlight = new("reset-in-flight", false, "A device was reset while it was accessing memory."),
        StaleTranslation = new("stale-translation", true,
            "A device was translated by an entry that the first stage no longer has: an invalidation is missing."),
        StaleDeviceTlb = new("stale-device-tlb", true,
            "A device kept a translation that the first stage no longer has: an invalidation is missing."),
        PageRequestUnanswered = new("page-request-unanswered", true,
            "A page table was detached while page requests waited for an answer."),
        PageResponseStray = new("page-response-stray", true,
            "Page requests were answered twice, too late, or by a cookie that was never given."),
        UnusedMapping = new("unused-mapping", false, "Memory was mapped, and no device used it until it was unmapped."),
        SharedWritable = new("shared-writable", false, "Two I/O address spaces let devices write the same memory."),
        StoreInFlight = new("store-in-flight", false,
            "A program changed a buffer that its device had read and was not done with."),
        DeviceLeftRunning = new("device-left-running", false,
            "A process ended while its device still used its memory."),
        Leak = new("leak", false, "The program ended without giving back what it had made."),
        MsiWithoutEventfd = new("msi-without-eventfd", false,
            "A device sent an interrupt message that no eventfd receives."),
        ShortArgsz = new("short-argsz", false, "A call had more to say than argsz had room for, and was not repeated."),
        GroupStatus = new("group-status", false,
            "A group was given to a container although nobody had asked whether it is viable, or it was not."),
        NewerUapi = new("newer-uapi", false, "A call does not exist in the Linux that min_linux names."),
        DmaApiConstantMemory = new("dma-api-constant-memory", true,
            "A driver mapped a string for its device to write."),
        DmaApiSegmentTooLong = new("dma-api-segment-too-long", true,
            "A driver mapped a piece that is longer than its device takes a segment."),
        DmaApiSegmentAcrossBoundary = new("dma-api-segment-across-boundary", true,
            "A segment of a scatter list crosses the boundary of the device."),
        DmaApiOverlapping = new("dma-api-overlapping", true,
            "Two buffers that a device writes touch one cache line."),
        DmaApiUnmapTwice = new("dma-api-unmap-twice", true, "A driver unmapped what it had unmapped before."),
        DmaApiNotMapped = new("dma-api-not-mapped", true,
            "A driver synchronized a mapping, or asked for its address, after it was unmapped."),
        DmaApiSyncOutside = new("dma-api-sync-outside", true,
            "A driver synchronized bytes beyond the end of a mapping."),
        DmaApiPending = new("dma-api-pending", true, "A driver ended without unmapping all."),
        DmaApiLateAccess = new("dma-api-late-access", true,
            "A device accessed a buffer between its lazy unmap and the flush."),
        DmaApiOutsideWrite = new("dma-api-outside-write", true, "A device wrote beside a bounced buffer."),
        DmaApiCpuWrite = new("dma-api-cpu-write", true, "A driver wrote a buffer while its device owned it.");

    /// <summary>All kinds.</summary>
    public static IReadOnlyList<CheckKind> All { get; } =
    [
        DmaUnmapped, DmaAfterUnmap, DmaNotAttached, DmaAfterDetach, DmaNoPermission, DmaIntoFreedMemory,
        DmaNoBusMaster, BadFirstStage, IgnoredErrno, UnmapInFlight, DetachInFlight, DrainOrder, ResetInFlight,
        StaleTranslation,
        StaleDeviceTlb, PageRequestUnanswered, PageResponseStray, UnusedMapping, SharedWritable, StoreInFlight,
        DeviceLeftRunning, Leak, MsiWithoutEventfd, ShortArgsz, GroupStatus, NewerUapi,
        DmaApiConstantMemory, DmaApiSegmentTooLong, DmaApiSegmentAcrossBoundary, DmaApiOverlapping, DmaApiUnmapTwice,
        DmaApiNotMapped, DmaApiSyncOutside, DmaApiPending, DmaApiLateAccess, DmaApiOutsideWrite, DmaApiCpuWrite,
    ];
}
