namespace Ioasis.Memory.Threads;

/// <summary>
/// The order of the product's locks: a thread that holds one takes only locks that stand further down. A thread that
/// holds one of the innermost takes no other. <see cref="LockOrder"/> checks it.
/// </summary>
internal enum LockRank
{
    /// <summary>The PASIDs of a function that a driver in user space has.</summary>
    FunctionPasids,

    /// <summary>The making of a tree of the paths that programs see.</summary>
    CurrentPaths,

    /// <summary>The host's files that stand in for ours, and the folder that they are in.</summary>
    StandIns,

    /// <summary>The step from one owner and mode of a file of ours to the next.</summary>
    FileOwners,

    /// <summary>The threads that serve calls.</summary>
    ServerPool,

    /// <summary>The order in which what programs wrote to files of ours takes effect.</summary>
    Settling,

    /// <summary>The files of ours that programs have open.</summary>
    OpenFiles,

    /// <summary>The devices of KVM, and which files of ours each holds.</summary>
    KvmDevices,

    /// <summary>Reading the bytes of a file of sysfs and showing them in all its images.</summary>
    ShownBytes,

    /// <summary>The processes and threads that called.</summary>
    CallerTable,

    /// <summary>A device's virtual functions.</summary>
    VirtualFunctions,

    /// <summary>Which driver has which function.</summary>
    PciDriver,

    /// <summary>Which vDPA devices their driver has.</summary>
    VdpaDriver,

    /// <summary>The mdevs, and what their parents have left.</summary>
    MdevBus,

    /// <summary>The machine's devices, groups and paths.</summary>
    Machine,

    /// <summary>A VFIO group's files, container and devices.</summary>
    VfioGroup,

    /// <summary>What a VFIO device is bound to.</summary>
    VfioBinding,

    /// <summary>A VFIO device's configuration space, and whether its BARs answer.</summary>
    VfioAccess,

    /// <summary>A VFIO device's ioeventfds.</summary>
    VfioIoEventfds,

    /// <summary>An open vhost file: its owner, its IOTLB and the order of its calls.</summary>
    VhostFile,

    /// <summary>A call to a device model.</summary>
    SlotCalls,

    /// <summary>A virtio device's queues, and which of them run.</summary>
    VirtioSlot,

    /// <summary>What a device model guards.</summary>
    Model,

    /// <summary>An NVMe controller's interrupts.</summary>
    NvmeInterrupts,

    /// <summary>An NVMe completion queue, and the order of its entries.</summary>
    NvmeCompletionQueue,

    /// <summary>An engine's command and thread.</summary>
    DeviceEngine,

    /// <summary>Whether a function has failed.</summary>
    SlotFailing,

    /// <summary>A function's interrupt line.</summary>
    SlotLine,

    /// <summary>A VFIO device's interrupts.</summary>
    VfioInterrupts,

    /// <summary>The eventfds of a vDPA device's driver.</summary>
    VdpaEvents,

    /// <summary>The PASIDs of an open /dev/sva.</summary>
    SvaFileContext,

    /// <summary>The processes that an in-host driver bound.</summary>
    ProcessBindings,

    /// <summary>The PASIDs that are equivalent to devices' requester IDs.</summary>
    SystemPasids,

    /// <summary>A call that locks several IOAS of a context.</summary>
    ManyPageTables,

    /// <summary>The making of a HWPT of an IOAS.</summary>
    IoasHwpts,

    /// <summary>A group's attachments.</summary>
    GroupAttachments,

    /// <summary>What an emulated mdev has pinned.</summary>
    EmulatedPins,

    /// <summary>What an access is attached to.</summary>
    AccessAttachment,

    /// <summary>What an IOAS maps.</summary>
    IoPageTable,

    /// <summary>Which pages of a run are pinned.</summary>
    Pages,

    /// <summary>The areas that translate to a dma-buf.</summary>
    DmaBufPages,

    /// <summary>Who uses a group.</summary>
    GroupUsers,

    /// <summary>An endpoint's attachments, ports and bus-master bit.</summary>
    Endpoint,

    /// <summary>How often a process's address space is attached.</summary>
    ProcessDomain,

    /// <summary>A flush of what was unmapped lazily.</summary>
    DmaFlush,

    /// <summary>The table that devices translate by.</summary>
    MappingTable,

    /// <summary>The page requests that are not answered.</summary>
    OutstandingRequests,

    /// <summary>A vIOMMU's event queues.</summary>
    ViommuEvents,

    /// <summary>A queue of virtual events.</summary>
    VeventQueue,

    /// <summary>The regions of a context that programs may map.</summary>
    MmapRegions,

    /// <summary>Moving records from a queue to the program's file.</summary>
    QueueCarrier,

    /// <summary>The threads that wait for a queue in this process.</summary>
    ProcessQueue,

    /// <summary>Changes of a first stage's cache of translations.</summary>
    TranslationCache,

    /// <summary>A processor's cache of I/O addresses.</summary>
    IovaCache,

    /// <summary>The views of a file in memory.</summary>
    HeldFileViews,

    /// <summary>No lock: those that follow are innermost.</summary>
    Innermost,

    /// <summary>What the entries of a mapping table stand for.</summary>
    MappingRecords,

    /// <summary>The I/O addresses that the DMA API has given out.</summary>
    IovaSpace,

    /// <summary>The full magazines of I/O addresses that all processors share.</summary>
    IovaDepot,

    /// <summary>What was unmapped lazily and not yet flushed.</summary>
    FlushQueue,

    /// <summary>The threads that call the DMA API; held while they are stopped.</summary>
    DriverThreads,

    /// <summary>The free mappings of a device that no thread keeps.</summary>
    SharedSlots,

    /// <summary>The buffers and lists that a device's driver has mapped.</summary>
    DmaDevice,

    /// <summary>A pool of coherent memory.</summary>
    DmaPool,

    /// <summary>What a device's own cache holds.</summary>
    DeviceTlb,

    /// <summary>A unit's fault records.</summary>
    FaultLog,

    /// <summary>Which files of nodes are open.</summary>
    OpenNodes,

    /// <summary>The events that a subscriber has not read.</summary>
    EventRing,

    /// <summary>What the checks of a program know.</summary>
    Checker,

    /// <summary>The findings that are not reported yet.</summary>
    FindingLog,

    /// <summary>What a program made of the call that failed.</summary>
    FailNth,

    /// <summary>Changes of the list of a machine's observers.</summary>
    Observers,

    /// <summary>The PASIDs that are given out.</summary>
    PasidSpace,

    /// <summary>A fault queue's page requests and cookies.</summary>
    FaultQueue,

    /// <summary>The objects of a context.</summary>
    ObjectTable,

    /// <summary>The HWPTs of an IOAS.</summary>
    HwptList,

    /// <summary>What of our memory a context holds.</summary>
    MemoryBudget,

    /// <summary>Which groups a context has.</summary>
    ContextGroups,

    /// <summary>The calls of an access's owner that run.</summary>
    AccessCalls,

    /// <summary>Adding a plug-in's ioctls.</summary>
    IoctlTable,

    /// <summary>Changes of a first stage's cache of large pages.</summary>
    PageCache,

    /// <summary>How often devices of a VFIO group were opened and closed.</summary>
    VfioGroupChanges,

    /// <summary>A device's VF token.</summary>
    VfToken,

    /// <summary>How many files of a VFIO device are open, and whether it is being removed.</summary>
    VfioRegistration,

    /// <summary>The slots that are polled.</summary>
    BarPoller,

    /// <summary>The bytes of a BAR.</summary>
    BarMemory,

    /// <summary>The engines that wait for a thread.</summary>
    PendingStarts,

    /// <summary>The frames between two threads of a network.</summary>
    FrameQueue,

    /// <summary>The cards at a hub.</summary>
    NetHub,

    /// <summary>A file that captures frames.</summary>
    NetCapture,

    /// <summary>An NVMe controller's events.</summary>
    NvmeEvents,

    /// <summary>An engine that waits for the answer to a page request.</summary>
    DsaWork,

    /// <summary>The files that are being closed.</summary>
    Closer,

    /// <summary>What of a carrier is mapped.</summary>
    Carrier,

    /// <summary>The images of files of sysfs, and the changes of these that are under way.</summary>
    Images,

    /// <summary>Who asks at the control socket.</summary>
    ControlSocket,

    /// <summary>Which calls a program has under way.</summary>
    ProgramShares,

    /// <summary>A gate that one thread passes at a time.</summary>
    Gate,

    /// <summary>What became of a traced thread.</summary>
    Tracee,

    /// <summary>What drivers have mapped, for the checks of the DMA API.</summary>
    DmaApiCheck,

    /// <summary>The stacks of calls.</summary>
    CallStacks,

    /// <summary>Who uses the library that unwinds stacks.</summary>
    Unwinder,

    /// <summary>The threads that are in execve.</summary>
    PendingExecs,

    /// <summary>The signals of an eventfd that are to be written.</summary>
    EventWriter,

    /// <summary>The listeners to eventfds.</summary>
    EventListeners,

    /// <summary>The files that tasks wait for.</summary>
    ReadableFiles,

    /// <summary>The making of a context for native AIO.</summary>
    EventSignals,

    /// <summary>The files in memory that are held.</summary>
    HeldFiles,

    /// <summary>What programs have mapped of files, where it is held.</summary>
    MappedRuns,

    /// <summary>The views of files that may raise SIGBUS.</summary>
    GuardedViews,

    /// <summary>The threads that wait for a process's pages.</summary>
    PageWaits,

    /// <summary>Changes of our own address space.</summary>
    OwnAddressSpace,

    /// <summary>The changes of a process's memory that are under way.</summary>
    MemoryChanges,

    /// <summary>The bytes of a carrier in this process.</summary>
    ProcessCarrier,

    /// <summary>An event descriptor's counter.</summary>
    ProcessEvent,

    /// <summary>The descriptors of a process within this one.</summary>
    DescriptorTable,
}
