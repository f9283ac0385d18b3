namespace Ioasis.Diagnostics.State;

/// <summary>What a machine consists of and what programs made in it, at one moment.</summary>
/// <remarks>
/// It is read part by part, while programs go on. Each part is right at some moment of the reading; two parts need not
/// be of the same.
/// </remarks>
/// <param name="Files">The files of nodes that programs have open.</param>
/// <param name="Contexts">What was made through each /dev/iommu and each private context of a driver's.</param>
/// <param name="Devices">The devices, and what they are attached to.</param>
/// <param name="Groups">The IOMMU groups.</param>
/// <param name="Units">The units.</param>
/// <param name="Pasids">How many PASIDs are given out in all.</param>
/// <param name="Mdevs">The mdevs, in the order in which they were created.</param>
/// <param name="Vdpa">More of those devices that are vDPA devices.</param>
internal sealed record MachineState(
    IReadOnlyList<OpenNode> Files, IReadOnlyList<ContextState> Contexts, IReadOnlyList<DeviceState> Devices,
    IReadOnlyList<GroupState> Groups, IReadOnlyList<UnitState> Units, int Pasids, IReadOnlyList<MdevState> Mdevs,
    IReadOnlyList<VdpaState> Vdpa);

/// <summary>An open file of a node.</summary>
/// <param name="Number">Counts the files that were opened.</param>
/// <param name="Path">The node's path.</param>
/// <param name="Process">The process that opened it; 0 when nobody said which.</param>
internal sealed record OpenNode(int Number, string Path, int Process);

/// <summary>A unit.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Faults">How many faults it has recorded.</param>
internal sealed record UnitState(string Name, long Faults);

/// <summary>An IOMMU group.</summary>
/// <param name="Group">Its number.</param>
/// <param name="Type">The type of its default domain, as sysfs has it.</param>
/// <param name="Devices">Its members.</param>
/// <param name="Claims">How many claims owners have on its DMA.</param>
internal sealed record GroupState(int Group, string Type, IReadOnlyList<string> Devices, int Claims);

/// <summary>A device behind a unit.</summary>
/// <param name="Device">What the machine calls it: its address, or the name of a vDPA device.</param>
/// <param name="Model">Its model.</param>
/// <param name="Unit">The unit that translates for it.</param>
/// <param name="Group">Its group.</param>
/// <param name="Driver">The driver that has it; null for none.</param>
/// <param name="CanSend">Whether its requests reach the unit: whether it is a bus master.</param>
/// <param name="PageRequests">How many of its page requests are not answered.</param>
/// <param name="Attachments">What its requests are translated by; no more than
/// <see cref="StateReader.MostListed"/>.</param>
/// <param name="Engines">Its engines that have had a command.</param>
internal sealed record DeviceState(
    string Device, string Model, string Unit, int Group, string? Driver, bool CanSend, int PageRequests,
    IReadOnlyList<AttachmentState> Attachments, IReadOnlyList<EngineState> Engines);

/// <summary>An engine of a device: a thread that accesses memory.</summary>
/// <param name="Name">Its name.</param>
/// <param name="IsBusy">Whether a command runs or waits.</param>
internal sealed record EngineState(string Name, bool IsBusy);

/// <summary>An mdev.</summary>
/// <param name="Mdev">Its UUID.</param>
/// <param name="Type">The name of its type.</param>
/// <param name="Parent">The name of its parent: a device's address, or what the parent is called in sysfs.</param>
/// <param name="Node">Its node; null while no driver has it.</param>
/// <param name="Group">Its own group; null for a part of a function.</param>
/// <param name="Pasid">Of a part of a function, the PASID that its requests carry.</param>
/// <param name="CanSend">Of a part of a function, whether its requests reach the unit.</param>
/// <param name="Context">Of one that is software only, the context to whose IOAS it is attached.</param>
/// <param name="Ioas">That IOAS.</param>
/// <param name="Attachments">Of a part of a function, what its requests are translated by.</param>
/// <param name="Engines">Its engines that have had a command.</param>
internal sealed record MdevState(
    string Mdev, string Type, string Parent, string? Node, int? Group, uint? Pasid, bool? CanSend, int? Context,
    uint? Ioas, IReadOnlyList<AttachmentState> Attachments, IReadOnlyList<EngineState> Engines);

/// <summary>A vDPA device.</summary>
/// <param name="Device">Its name, as in the list of devices.</param>
/// <param name="DeviceId">Its virtio device ID: 1 net, 2 blk.</param>
/// <param name="Node">Its node; null while no driver has it.</param>
/// <param name="Status">The device status that its driver has set.</param>
/// <param name="Queues">How many queues it has.</param>
internal sealed record VdpaState(string Device, int DeviceId, string? Node, int Status, int Queues);

/// <summary>That requests of a device are translated by a domain.</summary>
/// <param name="Pasid">Which PASID; null for requests without one.</param>
/// <param name="Domain">What kind of domain: <c>hwpt</c>, <c>process</c>, <c>default</c>, <c>identity</c>,
/// <c>blocked</c>, <c>other</c>.</param>
/// <param name="Context">The number of the context whose HWPT it is.</param>
/// <param name="Hwpt">The HWPT's ID.</param>
/// <param name="Process">The process whose own address space the domain is.</param>
internal sealed record AttachmentState(
    uint? Pasid, string Domain, int? Context = null, uint? Hwpt = null, int? Process = null);

/// <summary>The first stage of a nested HWPT, as its owner described it.</summary>
/// <param name="Format">The format of its tables: <c>x64</c>.</param>
/// <param name="Root">The address of the first of them, which the second stage translates.</param>
/// <param name="AddressBits">The width of the addresses that it translates.</param>
/// <param name="Flags">What else its owner said, in the words of Linux's header.</param>
internal sealed record FirstStageState(string Format, ulong Root, int AddressBits, IReadOnlyList<string> Flags);

/// <summary>What was made through one open /dev/iommu.</summary>
/// <param name="Context">The number of the file that it began with.</param>
/// <param name="Path">The node's path.</param>
/// <param name="Process">The process that opened it.</param>
/// <param name="IsOpen">Whether the file is open; else bound devices keep the context.</param>
/// <param name="ChargedBytes">Bytes of our memory that are charged for it.</param>
/// <param name="Objects">The objects, in ascending order of their IDs.</param>
internal sealed record ContextState(
    int Context, string Path, int Process, bool IsOpen, long ChargedBytes, IReadOnlyList<ObjectState> Objects);

/// <summary>A range of addresses, both included.</summary>
/// <param name="First">The first.</param>
/// <param name="Last">The last.</param>
internal sealed record RangeState(ulong First, ulong Last);

/// <summary>A mapping of an IOAS.</summary>
/// <param name="First">Its first address.</param>
/// <param name="Last">Its last address.</param>
/// <param name="Access"><c>r</c>, <c>w</c>, <c>rw</c>, or <c>-</c> for none.</param>
/// <param name="Address">The address in the process that it begins with.</param>
/// <param name="FileOffset">Of mapped files, the offset instead.</param>
internal sealed record MapState(ulong First, ulong Last, string Access, ulong? Address, ulong? FileOffset);
