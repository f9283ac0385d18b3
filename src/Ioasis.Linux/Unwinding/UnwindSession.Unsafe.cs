using System.Runtime.InteropServices;
using Ioasis.Linux.Files;
using Ioasis.Linux.Processes;

namespace Ioasis.Linux.Unwinding;

/// <summary>
/// What libdw knows of the code of one program: unwinds stacks and names program counters. One thread at a time may use
/// it. It needs the program's files, not its process.
/// </summary>
internal sealed unsafe class UnwindSession : IDisposable
{
    private const int Registers = 17, Going = 0, Abort = 1;
    private const int DW_TAG_class_type = 0x02, DW_TAG_enumeration_type = 0x04, DW_TAG_lexical_block = 0x0b,
        DW_TAG_structure_type = 0x13, DW_TAG_union_type = 0x17, DW_TAG_inlined_subroutine = 0x1d,
        DW_TAG_subprogram = 0x2e, DW_TAG_namespace = 0x39;
    private const int SizeOfDie = 32, MostInlined = 16, MostDepth = 64;

    private static readonly Callbacks* s_callbacks = MakeCallbacks();
    private static readonly ThreadCallbacks* s_threadCallbacks = MakeThreadCallbacks();

    private readonly Libdw _libdw;
    private readonly void* _session;
    private readonly GCHandle _self;
    private bool _isAttached;

    // Of the unwinding under way.
    private IStackSource? _source;
    private ThreadRegisters _registers;
    private ulong[] _frames = [];
    private int _count;
    private ulong? _unknown;

    private UnwindSession(Libdw libdw, void* session)
    {
        _libdw = libdw;
        _session = session;
        _self = GCHandle.Alloc(this);
    }

    /// <summary>Begins without any code. Null if libdw is not installed (<see cref="Libdw.Missing"/>).</summary>
    public static UnwindSession? TryBegin()
    {
        if (!Libdw.TryGet(out Libdw? libdw)) return null;
        // SAFETY: the callbacks live as long as the process.
        void* session = libdw.Begin(s_callbacks);
        return session == null ? null : new UnwindSession(libdw, session);
    }

    /// <summary>Adds the code of a file. False if libdw does not understand it.</summary>
    /// <param name="path">Its path, by which files with debug information are found.</param>
    /// <param name="file">The file, which this takes over.</param>
    /// <param name="start">Where its first byte is mapped.</param>
    public bool TryAdd(string path, FileDescriptor file, ulong start)
    {
        int number = file.Number;
        byte* name = (byte*)Marshal.StringToCoTaskMemUTF8(path);
        _libdw.ReportBeginAdd(_session);
        // SAFETY: libdw copies the path. It owns the number from here on if the result is a module, and only then.
        void* module = _libdw.ReportElf(_session, name, name, number, start, 0);
        _libdw.ReportEnd(_session, null, null);
        Marshal.FreeCoTaskMem((nint)name);
        if (module == null)
        {
            file.Dispose();
            return false;
        }

        file.SetHandleAsInvalid();
        if (!_isAttached)
        {
            // SAFETY: the callbacks live as long as the process, and the handle as long as the session.
            _isAttached = _libdw.AttachState(
                _session, null, 1, s_threadCallbacks, (void*)GCHandle.ToIntPtr(_self)) != 0;
        }

        return true;
    }

    /// <summary>Unwinds a stack.</summary>
    /// <param name="registers">The thread's registers.</param>
    /// <param name="source">Its memory, and which code is known.</param>
    /// <param name="frames">Gets program counters, innermost first.</param>
    /// <param name="unknown">A program counter whose code is to be added before another try; null for none.</param>
    /// <returns>How many program counters there are.</returns>
    public int Unwind(in ThreadRegisters registers, IStackSource source, ulong[] frames, out ulong? unknown)
    {
        (_registers, _source, _frames, _count, _unknown) = (registers, source, frames, 0, null);
        if (!source.IsKnown(registers.Rip)) _unknown = registers.Rip;
        else if (_isAttached)
        {
            // SAFETY: the callback and its argument are as libdw wants them. Its result is of no interest: it fails
            // where the stack ends.
            _libdw.GetThreadFrames(_session, 1,
                (delegate* unmanaged<void*, void*, int>)&OnFrame, (void*)GCHandle.ToIntPtr(_self));
        }

        unknown = _unknown;
        _source = null;
        return _count;
    }

    /// <summary>Names a program counter.</summary>
    /// <param name="pc">The program counter.</param>
    /// <param name="isReturn">Whether it is the address after a call, so that the call is before it.</param>
    public CodeLocation Locate(ulong pc, bool isReturn)
    {
        ulong address = isReturn ? pc - 1 : pc;
        // SAFETY: each pointer is of libdw and lives as long as the session; numbers go to variables of ours.
        void* module = _libdw.ModuleAt(_session, address);
        if (module == null) return CodeLocation.Unknown;
        ulong offset = 0;
        byte* symbol = stackalloc byte[24];
        byte* name = _libdw.ModuleSymbolAt(module, address, &offset, symbol, null, null, null);
        string? text = name == null ? null : Marshal.PtrToStringUTF8((nint)name);
        ulong before = pc - address;
        if (!TryFindUnit(module, address, out void* unit, out ulong bias))
            return new CodeLocation(text is null ? null : Demangler.Demangle(text), offset + before, null, 0, []);
        string? file = null;
        int number = 0;
        void* line = _libdw.LineAt(unit, address - bias);
        if (line != null && _libdw.LineNumber(line, &number) == 0)
            file = TextAt(_libdw.LineFile(line, null, null));
        List<string> inlined = [];
        string? function = NameAt(unit, address - bias, inlined);
        // No library names Rust's newer symbols. Debug information does.
        text = text?.StartsWith("_R", StringComparison.Ordinal) == true && function is not null
            ? function
            : text is null ? function : Demangler.Demangle(text);
        return new CodeLocation(text, offset + before, file, number, inlined);
    }

    /// <summary>The build ID of the file at an address, in hexadecimal; null if it has none.</summary>
    public string? BuildIdAt(ulong address)
    {
        void* module = _libdw.ModuleAt(_session, address);
        if (module == null) return null;
        byte* bits;
        ulong at;
        // SAFETY: the bits live as long as the module, and the result is how many bytes they are.
        int length = _libdw.ModuleBuildId(module, &bits, &at);
        return length <= 0 ? null : Convert.ToHexStringLower(new ReadOnlySpan<byte>(bits, length));
    }

    public void Dispose()
    {
        _libdw.End(_session);
        _self.Free();
    }

    private static string? TextAt(byte* text) => text == null ? null : Marshal.PtrToStringUTF8((nint)text);

    // Go's units are in no table of units by address, which libdw before 0.193 needs to find one: it finds none, or
    // another one.
    private bool TryFindUnit(void* module, ulong address, out void* unit, out ulong bias)
    {
        ulong there = 0;
        // SAFETY: units live as long as the module. libdw writes one number.
        unit = _libdw.ModuleUnitAt(module, address, &there);
        if (unit == null || _libdw.HasPc(unit, address - there) == 0)
        {
            unit = null;
            do unit = _libdw.ModuleNextUnit(module, unit, &there);
            while (unit != null && _libdw.HasPc(unit, address - there) <= 0);
        }

        bias = there;
        return unit != null;
    }

    /// <summary>
    /// The function at an address after the names of the namespaces that it is in, and the functions that the compiler
    /// inlined there.
    /// </summary>
    private string? NameAt(void* parent, ulong address, List<string> inlined, int depth = 0)
    {
        byte* entry = stackalloc byte[SizeOfDie];
        if (depth == MostDepth) return null;
        // SAFETY: the entry is a Dwarf_Die structure of 32 bytes, which libdw fills in. Both places may be the same.
        for (int missing = _libdw.Child(parent, entry); missing == 0; missing = _libdw.Sibling(entry, entry))
        {
            switch (_libdw.Tag(entry))
            {
                case DW_TAG_namespace or DW_TAG_structure_type or DW_TAG_class_type or DW_TAG_enumeration_type
                    or DW_TAG_union_type:
                    if (NameAt(entry, address, inlined, depth + 1) is { } within)
                        return $"{TextAt(_libdw.Name(entry))}::{within}";
                    break;
                case DW_TAG_subprogram when _libdw.HasPc(entry, address) > 0:
                    NameAt(entry, address, inlined, depth + 1);
                    return TextAt(_libdw.Name(entry));
                case DW_TAG_inlined_subroutine when _libdw.HasPc(entry, address) > 0:
                    NameAt(entry, address, inlined, depth + 1);
                    if (inlined.Count < MostInlined && TextAt(_libdw.Name(entry)) is { } name) inlined.Add(name);
                    return null;
                case DW_TAG_lexical_block when _libdw.HasPc(entry, address) > 0:
                    return NameAt(entry, address, inlined, depth + 1);
            }
        }

        return null;
    }

    private static UnwindSession Of(void* handle) => (UnwindSession)GCHandle.FromIntPtr((nint)handle).Target!;

    private static Callbacks* MakeCallbacks()
    {
        if (!Libdw.TryGet(out Libdw? libdw)) return null;
        var made = (Callbacks*)NativeMemory.AllocZeroed((nuint)sizeof(Callbacks));
        var path = (byte**)NativeMemory.AllocZeroed((nuint)sizeof(byte*)); // null: libdw's own search path
        made->FindElf = (delegate* unmanaged<void*, void**, byte*, ulong, byte**, void**, int>)&FindElf;
        made->FindDebugInfo = libdw.FindDebugInfo;
        made->SectionAddress = libdw.SectionAddress;
        made->DebugInfoPath = path;
        return made;
    }

    private static ThreadCallbacks* MakeThreadCallbacks()
    {
        var made = (ThreadCallbacks*)NativeMemory.AllocZeroed((nuint)sizeof(ThreadCallbacks));
        made->NextThread = (delegate* unmanaged<void*, void*, void**, int>)&NextThread;
        made->GetThread = (delegate* unmanaged<void*, int, void*, void**, byte>)&GetThread;
        made->MemoryRead = (delegate* unmanaged<void*, ulong, ulong*, void*, byte>)&ReadMemory;
        made->SetInitialRegisters = (delegate* unmanaged<void*, void*, byte>)&SetRegisters;
        return made;
    }

    // Every file is given. libdw asks for none.
    [UnmanagedCallersOnly]
    private static int FindElf(
        void* module, void** data, byte* name, ulong start, byte** path, void** elf) => -1;

    [UnmanagedCallersOnly]
    private static int NextThread(void* session, void* handle, void** thread)
    {
        if (*thread != null) return 0;
        *thread = handle;
        return 1;
    }

    [UnmanagedCallersOnly]
    private static byte GetThread(void* session, int thread, void* handle, void** argument)
    {
        *argument = handle;
        return 1;
    }

    // SAFETY: nothing may be thrown through libdw's frames, in each callback.
    [UnmanagedCallersOnly]
    private static byte ReadMemory(void* session, ulong address, ulong* value, void* handle)
    {
        try
        {
            return Of(handle)._source!.TryRead(address, out *value) ? (byte)1 : (byte)0;
        }
        catch (Exception)
        {
            return 0;
        }
    }

    [UnmanagedCallersOnly]
    private static byte SetRegisters(void* thread, void* handle)
    {
        UnwindSession session = Of(handle);
        ref ThreadRegisters from = ref session._registers;
        // The order of DWARF's numbers (System V ABI for x86-64, figure 3.36); 16 is the return address.
        ulong* values = stackalloc ulong[Registers]
        {
            from.Rax, from.Rdx, from.Rcx, from.Rbx, from.Rsi, from.Rdi, from.Rbp, from.Rsp, from.R8, from.R9, from.R10,
            from.R11, from.R12, from.R13, from.R14, from.R15, from.Rip,
        };
        return session._libdw.SetRegisters(thread, 0, Registers, values);
    }

    [UnmanagedCallersOnly]
    private static int OnFrame(void* frame, void* handle)
    {
        UnwindSession session = Of(handle);
        ulong pc;
        byte isActive;
        if (session._count == session._frames.Length || session._libdw.FramePc(frame, &pc, &isActive) == 0)
            return Abort;
        try
        {
            ulong address = isActive != 0 ? pc : pc - 1;
            if (!session._source!.IsKnown(address))
            {
                session._unknown = address;
                return Abort;
            }
        }
        catch (Exception)
        {
            return Abort;
        }

        session._frames[session._count++] = pc;
        return Going;
    }

    /// <summary>Dwfl_Callbacks.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Callbacks
    {
        public void* FindElf;
        public void* FindDebugInfo;
        public void* SectionAddress;
        public byte** DebugInfoPath;
    }

    /// <summary>Dwfl_Thread_Callbacks.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct ThreadCallbacks
    {
        public void* NextThread;
        public void* GetThread;
        public void* MemoryRead;
        public void* SetInitialRegisters;
        public void* Detach;
        public void* ThreadDetach;
    }
}
