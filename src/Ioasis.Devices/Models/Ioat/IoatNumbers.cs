namespace Ioasis.Devices.Ioat;

/// <summary>The lower bits of CHANSTS.</summary>
internal enum IoatStatus
{
    Active = 0,
    Done = 1,
    Suspended = 2,
    Halted = 3,

    /// <summary>After power-on, or after a reset by a driver that uses no interrupts, before the first chain.</summary>
    Armed = 4,

    /// <summary>The same for a driver that uses interrupts. Reads as active.</summary>
    SetUp = 8,
}

/// <summary>CHANCMD.</summary>
[Flags]
internal enum IoatCommand : byte
{
    None = 0,
    Suspend = 0x04,
    Abort = 0x08,
    Resume = 0x10,
    Reset = 0x20,
}

/// <summary>CHANERR.</summary>
[Flags]
internal enum IoatErrors : uint
{
    None = 0,
    NextAddress = 0x0004,
    NextDescriptorAlignment = 0x0008,
    ChainAddressValue = 0x0010,
    Command = 0x0020,
    ReadData = 0x0100,
    WriteData = 0x0200,
    Control = 0x0400,
    Length = 0x0800,
    CompletionAddress = 0x1000,
}

/// <summary>The bits of CHANCTRL that have an effect.</summary>
[Flags]
internal enum IoatChannelControl : ushort
{
    None = 0,
    InterruptRearm = 0x0001,
    ErrorCompletion = 0x0004,
    ErrorInterrupt = 0x0010,
}
