using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace Ioasis.Linux.Unwinding;

/// <summary>
/// Names of C++ and Rust as a program's source has them, by the host's libstdc++. Where that is missing, names stay as
/// they are in the symbol table.
/// </summary>
internal static unsafe partial class Demangler
{
    private static readonly delegate* unmanaged<byte*, byte*, nuint*, int*, byte*> s_demangle = Load();

    /// <summary>The name in the source's form.</summary>
    public static string Demangle(string symbol)
    {
        if (!symbol.StartsWith("_Z", StringComparison.Ordinal) || s_demangle == null) return symbol;
        byte* mangled = (byte*)Marshal.StringToCoTaskMemUTF8(symbol);
        try
        {
            int status;
            // SAFETY: __cxa_demangle reads a string that ends in a NUL, and returns memory of malloc or null.
            byte* name = s_demangle(mangled, null, null, &status);
            if (name == null) return symbol;
            string text = Marshal.PtrToStringUTF8((nint)name)!;
            NativeMemory.Free(name);
            return OfRust(text);
        }
        finally
        {
            Marshal.FreeCoTaskMem((nint)mangled);
        }
    }

    // Rust's older names are those of C++, with a hash of the crate at the end and signs as $words$.
    private static string OfRust(string text)
    {
        string name = RustHash().Replace(text, "");
        return name.Length == text.Length ? text : RustSign().Replace(name, sign => sign.Value switch
        {
            "$LT$" => "<",
            "$GT$" => ">",
            "$C$" => ",",
            "$RF$" => "&",
            "$BP$" => "*",
            "$LP$" => "(",
            "$RP$" => ")",
            ".." => "::",
            ['$', 'u', .. string code, '$'] => char.ToString((char)Convert.ToInt32(code, 16)),
            string other => other,
        }).Replace("_{", "{", StringComparison.Ordinal);
    }

    private static delegate* unmanaged<byte*, byte*, nuint*, int*, byte*> Load() =>
        NativeLibrary.TryLoad("libstdc++.so.6", out nint library)
        && NativeLibrary.TryGetExport(library, "__cxa_demangle", out nint function)
            ? (delegate* unmanaged<byte*, byte*, nuint*, int*, byte*>)function
            : null;

    [GeneratedRegex("::h[0-9a-f]{16}$")]
    private static partial Regex RustHash();

    [GeneratedRegex(@"\$(LT|GT|C|RF|BP|LP|RP|u[0-9a-f]{1,4})\$|\.\.")]
    private static partial Regex RustSign();
}
